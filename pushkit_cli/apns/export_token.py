"""Data export tokens: what one says of itself, before anybody is asked. Pure.

Tokens seen in public are JWTs whose `scope` lists the paths they are for. Nothing here verifies a
signature, and a token that is no such JWT is taken as it is.
"""

import base64
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pushkit_cli.apns.exports import DATASETS, Dataset
from pushkit_cli.apns.token import claims

_PATH = re.compile(r"/teams/([^/\s]+)/appId/([^/\s]+)/datasetName/([^/\s]+)")
_LATEST = 32_503_680_000
"""The year 3000: beyond it a number of seconds is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """One dataset of one app that a token is for."""

    team_id: str
    app: str
    dataset: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportToken:
    """What a token says; `expires_at` in Unix seconds. Nothing where it does not say."""

    expires_at: int | None = None
    scopes: tuple[Scope, ...] = ()


def read_token(text: str) -> ExportToken:
    """Read a token; every text gets an answer."""
    said = claims(text) or {}
    expires_at = said.get("exp")
    is_time = isinstance(expires_at, int | float) and not isinstance(expires_at, bool)
    return ExportToken(
        expires_at=int(expires_at) if is_time and 0 < expires_at < _LATEST else None,  # type: ignore[operator,arg-type]
        scopes=tuple(dict.fromkeys(_scopes(said.get("scope")))),
    )


def mint(scope: Scope, *, secret: bytes, issued_at: int, expires_at: int) -> str:
    """A token of the shape that is seen in public, for an emulator to know again (HS512)."""
    path = f"/v1/dataExports/apns/teams/{scope.team_id}/appId/{scope.app}/datasetName"
    said = {
        "iss": "pushkit",
        "sub": scope.team_id,
        "iat": issued_at,
        "exp": expires_at,
        "scope": [{"method": "POST", "path": f"{path}/{scope.dataset}/request"}],
    }
    parts = [_encoded(json.dumps(part).encode()) for part in ({"alg": "HS512"}, said)]
    signed = ".".join(parts)
    return f"{signed}.{_encoded(hmac.digest(secret, signed.encode(), 'sha512'))}"


def fault(token: ExportToken, *, app: str, dataset: Dataset, now: float) -> str | None:
    """Why a token is no use for this dataset of this app; `None` where nothing is known."""
    if token.expires_at is not None and token.expires_at <= now:
        return "this export token has expired"
    word = DATASETS[dataset].path
    if not token.scopes or any(one.app == app and one.dataset == word for one in token.scopes):
        return None
    names = {row.path: str(name) for name, row in DATASETS.items()}
    known = [f"{one.app}, {names.get(one.dataset, one.dataset)}" for one in token.scopes]
    return f"this export token is not for {app}, {dataset}, but for {'; '.join(known)}"


def _scopes(said: Any) -> Iterator[Scope]:
    """Paths, wherever in the list they stand."""
    if isinstance(said, str):
        for found in _PATH.finditer(said):
            yield Scope(team_id=found[1], app=found[2], dataset=found[3])
    elif isinstance(said, list):
        for one in said:
            yield from _scopes(one)
    elif isinstance(said, dict):
        for one in said.values():
            if isinstance(one, str):
                yield from _scopes(one)


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode("ascii")
