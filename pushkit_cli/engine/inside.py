"""What a command inside a listener is told: variables that point at it, and whom to trust."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pushkit_cli.engine import ready as ready_files
from pushkit_cli.engine.child_env import child_environment
from pushkit_cli.engine.variables import variables
from pushkit_cli.store.files import Home

_TRUST = {
    "SSL_CERT_FILE": "ca_bundle_file",
    "CURL_CA_BUNDLE": "ca_bundle_file",
    "REQUESTS_CA_BUNDLE": "ca_bundle_file",
    "NODE_EXTRA_CA_CERTS": "ca_file",
}
"""The variables that other programs read, and which of our files each gets: Node has roots of its
own and adds to them, the others know no more than what is in the file."""

_ELSEWHERE = ("_ENV", "_ENDPOINT")
_TOKEN = "PUSHKIT_TOKEN_"  # noqa: S105 (the start of a name)


def environment(
    outer: Mapping[str, str], ready: Mapping[str, Any], *, ready_file: Path | None, trust: bool
) -> dict[str, str]:
    """The whole environment of the command inside a listener; see `told`."""
    kept = {
        name: value
        for name, value in child_environment(outer).items()
        if not _points_elsewhere(name)
    }
    return kept | told(outer, ready, ready_file=ready_file, trust=trust)


def told(
    outer: Mapping[str, str], ready: Mapping[str, Any], *, ready_file: Path | None, trust: bool
) -> dict[str, str]:
    """The variables that point at a listener, and say whom to trust.

    `ready_file`: the one that was named; else the listener's own, which is as private. `trust`:
    whether the variables that other programs read say to trust the listener; what they name in
    `outer` is trusted as well.
    """
    home = Path(ready["home"])
    found = variables(dict(ready))
    found["PUSHKIT_READY_FILE"] = str(
        (ready_file and ready_file.absolute()) or home / ready_files.RUN_FILE
    )
    if trust:
        for name, which in _TRUST.items():
            found[name] = _joined(Home(home), name, outer.get(name), Path(ready[which]))
    return found


def _points_elsewhere(name: str) -> bool:
    """Whether a variable would lead a command of ours to another listener, or to Apple."""
    return name.startswith("PUSHKIT_") and (name.startswith(_TOKEN) or name.endswith(_ELSEWHERE))


def _joined(home: Home, name: str, named: str | None, file: Path) -> str:
    """Our file, with what the variable named before at its head unless it is in there already."""
    try:
        theirs = Path(named).read_bytes().strip() if named else b""
    except OSError:  # nobody who reads the variable could read it either
        theirs = b""
    ours = file.read_bytes()
    if theirs in ours:
        return str(file)
    return str(home.write(f"local/{name.lower()}.pem", theirs + b"\n" + ours))
