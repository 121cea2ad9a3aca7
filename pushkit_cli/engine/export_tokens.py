"""Data export tokens of the emulator: made here, kept here, and made known to whoever listens."""

import secrets
from hashlib import sha256

from pushkit_cli.apns import export_token
from pushkit_cli.apns.export_token import Scope
from pushkit_cli.apns.exports import DATASETS, Dataset
from pushkit_cli.emulator.export_records import ExportToken
from pushkit_cli.emulator.moves import Register
from pushkit_cli.engine import emulated, host
from pushkit_cli.engine.setting import Setting
from pushkit_cli.errors import UsageError

_LIFETIME_S = 180 * 86_400
"""Documented: six months at most."""
_LEFT_S = 86_400


def local_token(setting: Setting, app: str, dataset: Dataset) -> tuple[str, str]:
    """A token that the emulator takes for a dataset of an app, and the app's team.

    The one that was made before, while it lives. Raises UsageError for an app it does not know.
    """
    known = emulated.state(setting)
    entry = known.app(app)
    if entry is None:
        raise UsageError(f"the emulator knows no app {app}", hint=f"pushkit register app {app}")
    home = setting.cabinet().home
    name = f"local/export.{app}.{dataset}.token"
    raw = home.read(name)
    kept = None if raw is None else raw.decode("ascii", "replace")
    now = host.now()
    scope = Scope(team_id=entry.team_id, app=app, dataset=DATASETS[dataset].path)
    said = None if kept is None else export_token.read_token(kept)
    if kept is None or said is None or scope not in said.scopes or _is_old(said.expires_at, now):
        expires_at = int(now) + _LIFETIME_S
        kept = export_token.mint(
            scope, secret=secrets.token_bytes(64), issued_at=int(now), expires_at=expires_at
        )
        home.folder("local")
        home.write(name, kept.encode("ascii"))
    else:
        expires_at = said.expires_at or 0
    record = ExportToken(
        digest=sha256(kept.encode("ascii")).hexdigest(),
        app=app,
        dataset=str(dataset),
        team_id=entry.team_id,
        expires_ms=expires_at * 1000,
    )
    if known.records.get(record.key) != record:
        emulated.change(setting, [Register(record=record)])
    return kept, entry.team_id


def _is_old(expires_at: int | None, now: float) -> bool:
    return expires_at is None or expires_at < now + _LEFT_S
