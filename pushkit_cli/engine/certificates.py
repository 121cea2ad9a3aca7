"""Test client certificates: issued by the home's own authority, for the listener of this home."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pushkit_cli.apns.facts import Certificate
from pushkit_cli.apns.message import as_uuid
from pushkit_cli.apns.push import MDM_TOPIC_PREFIX, PASS_TYPE_PREFIX, Environment
from pushkit_cli.engine import host, local
from pushkit_cli.engine.registering import check_bundle_id
from pushkit_cli.errors import ConfigError, UsageError
from pushkit_cli.net.client_authority import KINDS, issue
from pushkit_cli.net.client_certs import facts_in
from pushkit_cli.store.files import Home, write_private

_FOLDER = "local/certificates"
_PKCS12 = frozenset({".p12", ".pfx"})
_PREFIXES = {"mdm": MDM_TOPIC_PREFIX, "pass": PASS_TYPE_PREFIX}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line says; `None` is "not said". With `days` below zero it has ended."""

    kind: str
    name: str | None
    team_id: str
    environments: frozenset[Environment] | None = None
    days: int = 365
    out: Path | None = None
    password: bytes | None = None
    replacing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A certificate in its file; `name` is the bundle id, MDM topic or pass type id it is for."""

    file: Path
    name: str
    says: Certificate
    not_before: datetime
    not_after: datetime


def make_certificate(home: Home, wanted: Wanted) -> Made:
    """Issue a certificate and write it with its key, 0600.

    Raises UsageError for a name that is none of its kind, ConfigError where a file is in the way.
    """
    name = _name(wanted)
    if wanted.out is not None and not wanted.replacing and wanted.out.exists():
        raise ConfigError(f"{wanted.out} is there already", hint="name another, or add --replace")
    if wanted.out is not None and not wanted.out.absolute().parent.is_dir():
        raise UsageError(f"{wanted.out}: its folder is missing", hint="make it first")
    file = wanted.out or home.folder(_FOLDER) / f"{wanted.kind}.{name}.pem"
    made = issue(
        local.ensure_client_authority(home),
        wanted.kind,
        name,
        team_id=wanted.team_id,
        environments=wanted.environments or KINDS[wanted.kind].environments,
        now=host.today(),
        life=timedelta(days=wanted.days),
        as_pkcs12=file.suffix.lower() in _PKCS12,
        password=wanted.password,
    )
    write_private(file.absolute(), made.file, option=None if wanted.out is None else "--out")
    return Made(
        file=file.absolute(),
        name=name,
        says=facts_in(made.chain_pem),
        not_before=made.not_before,
        not_after=made.not_after,
    )


def _name(wanted: Wanted) -> str:
    if wanted.name is None and wanted.kind == "mdm":
        return f"{MDM_TOPIC_PREFIX}External.{as_uuid(host.new_id())}"
    if wanted.name is None:
        raise UsageError(
            f"a certificate of kind {wanted.kind} is for something: --app is missing",
            hint="--app pass.com.example.ticket" if wanted.kind == "pass" else "--app BUNDLE_ID",
        )
    prefix = _PREFIXES.get(wanted.kind, "")
    if not wanted.name.startswith(prefix):
        raise UsageError(
            f"{wanted.name} is not for a certificate of kind {wanted.kind}",
            hint=f"its name begins with {prefix}",
        )
    return check_bundle_id(wanted.name)
