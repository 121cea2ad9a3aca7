"""What a child process may see of this process's environment."""

import re
from collections.abc import Mapping

_NOT_FOR_CHILDREN = re.compile(
    # Keys and passwords, by their general name or as an option of one command.
    r"PUSHKIT_(?:\w+_)?(?:KEY|KEY_FILE|CERT_KEY|EXPORT_TOKEN|SECRET|PASSWORD)(?:_FILE)?"
    # Another emulator's home would be spoken to in place of this one's.
    r"|PUSHKIT_HOME"
    # Whoever reads that file reads what the child says over TLS.
    r"|SSLKEYLOGFILE"
)


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables without secrets, without an outer home, and without a log of TLS secrets."""
    return {name: v for name, v in variables.items() if not _NOT_FOR_CHILDREN.fullmatch(name)}
