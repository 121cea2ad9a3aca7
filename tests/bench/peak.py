"""Run a command, and write its peak memory in MB into a file.

    python peak.py FILE COMMAND…

Where a process starts another, Linux counts the first one's memory as the other's: ours is large.
"""

import resource
import subprocess
import sys
from pathlib import Path


def main(file: str, *command: str) -> int:
    """The command's exit code."""
    code = subprocess.run(command, check=False).returncode
    unit = 1024**2 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit
    Path(file).write_text(f"{peak}\n", encoding="ascii")
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
