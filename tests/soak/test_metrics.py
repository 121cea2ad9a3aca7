"""A million rows of metrics: streamed, in whatever form they leave again."""

from pathlib import Path

import pytest

from tests.bench.metrics import ROWS, measured, written

_RUN = """
import os
from pushkit_cli.cli.app import run
words = ["export-metrics", "--read", sys.argv[1], "--format", "{form}", "-o", sys.argv[1] + ".out"]
assert run(words, os.environ) == 0
"""
_MOST_MB = 150


@pytest.mark.parametrize("form", ["table", "csv", "ndjson", "json"])
@pytest.mark.parametrize("distinct", [False, True])
def test_a_million_rows_take_no_more_memory_than_few(
    distinct: bool, form: str, tmp_path: Path
) -> None:
    path = tmp_path / "export.csv"
    written(path, distinct=distinct)
    _, peak_mb = measured(_RUN.format(form=form), path)
    assert peak_mb < _MOST_MB
    with Path(f"{path}.out").open("rb") as file:  # whole it would count as memory of the next child
        rows = sum(1 for _ in file)
    assert form in ("table", "json") or rows in (ROWS, ROWS + 1)
