"""A file that is checked whole: what may be passed over is judged as if it had been looked at."""

from pathlib import Path
from random import Random

import pytest

from pushkit_cli.engine.bulk_check import Checked, prepare
from pushkit_cli.engine.bulk_input import Input
from pushkit_cli.engine.bulk_lines import Misfit
from pushkit_cli.engine.bulk_order import BulkOrder
from pushkit_cli.engine.bulk_shots import Shots
from pushkit_cli.engine.planning import Order
from pushkit_cli.engine.setting import Setting
from pushkit_cli.engine.where import Target
from tests.engine.test_bulk_shots import HELD, A, B, C, line

GOOD = (A, B, C, A.upper(), f"  {B}\t", line(), line(id="u"), "", "   ", "q80" + "A" * 61)
ODD = (A + "\x0b", A + "\x00", A[:-1] + "\u00e9", "\ufeff" + A, *(bad for bad, _ in HELD.values()))


def checked(file: Path, home: Path, *, payload: bytes, unique: bool) -> Checked:
    push = Order(push_type="voip", app="com.example.app", env=Target.local, payload=payload)
    order = BulkOrder(push=push, source=file, unique=unique)
    setting = Setting(home=home, variables={})
    with Input(file) as source:
        prepared = prepare(order, source, setting)
        found = prepared.checked
        assert found is not None
        slowly = Checked()
        for one in Shots(prepared.plan, prepared.header.run).all(source.lines()):
            slowly.targets += 1
            if isinstance(one, Misfit):
                slowly.add(one)
    slowly.elapsed_s = found.elapsed_s
    assert found == slowly
    return found


@pytest.mark.parametrize("unique", [False, True])
@pytest.mark.parametrize("payload", [b'{"a":1}', b'{"a":"{{line}}"}', b'{"a":"{{x}}"}'])
def test_what_is_passed_over_would_have_been_let_through(
    tmp_path: Path, home: Path, payload: bytes, unique: bool
) -> None:
    chance, file = Random(3), tmp_path / "targets"
    lines = [chance.choice(GOOD if chance.random() < 0.8 else ODD) for _ in range(600)]
    file.write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")
    found = checked(file, home, payload=payload, unique=unique)
    assert found.targets == sum(bool(one.strip()) for one in lines)
    assert found.held > 50


def test_kinds_are_counted_and_some_are_kept(tmp_path: Path, home: Path) -> None:
    file = tmp_path / "targets"
    file.write_text("".join(f"{one}\n" for one in [A, *["x"] * 30, A + "5"]))
    found = checked(file, home, payload=b"{}", unique=False)
    assert found.counts == {"not hex": 30, "BadDeviceToken": 1}
    assert found.kinds == {"not hex": [2, 3, 4], "BadDeviceToken": [32]}
    assert len(found.samples) == 20
