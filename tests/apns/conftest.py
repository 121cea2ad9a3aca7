"""Keys for the tests of the law: made once, never on a disk."""

import pytest

from tests.law import KeyPair, new_key


@pytest.fixture(scope="session")
def keys() -> KeyPair:
    return new_key()


@pytest.fixture(scope="session")
def other_keys() -> KeyPair:
    return new_key()
