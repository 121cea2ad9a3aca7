"""Keys for the tests of the emulator, made once, and a stage that is set up."""

import pytest

from tests.emulator.stage import Stage
from tests.law import KeyPair, new_key


@pytest.fixture(scope="session")
def keys() -> KeyPair:
    return new_key()


@pytest.fixture(scope="session")
def other_keys() -> KeyPair:
    return new_key()


@pytest.fixture
def stage(keys: KeyPair) -> Stage:
    return Stage(keys).set_up()
