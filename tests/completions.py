"""`make completions` writes the scripts in completions/; a test compares them."""

from pathlib import Path

from pushkit_cli.cli.completion import script

FOLDER = Path(__file__).parent.parent / "completions"
FILES = {"bash": "pushkit.bash", "zsh": "_pushkit", "fish": "pushkit.fish"}


def expected(shell: str) -> str:
    """What the file of a shell must hold."""
    return script(shell).rstrip("\n") + "\n"


if __name__ == "__main__":
    for shell, name in FILES.items():
        (FOLDER / name).write_text(expected(shell), encoding="utf-8")
