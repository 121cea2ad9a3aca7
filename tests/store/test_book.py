"""The book: what is written is read again, typos and secrets are refused, and who hides whom."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushkit_cli.apns.push import Environment, PushType
from pushkit_cli.errors import ConfigError
from pushkit_cli.store.book import (
    AppEntry,
    Book,
    Credential,
    DeviceEntry,
    KeyEntry,
    dump,
    find_project,
    load_profile,
    load_project,
)

_TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
_CREDENTIAL = st.one_of(
    st.builds(Credential, key_id=_TEXT), st.builds(Credential, certificate=_TEXT)
)
_APP = st.builds(
    AppEntry,
    team_id=_TEXT,
    credentials=st.dictionaries(st.sampled_from(Environment), _CREDENTIAL),
)
_KEY = st.builds(
    KeyEntry,
    team_id=_TEXT,
    environments=st.lists(st.sampled_from(Environment), min_size=1, unique=True).map(tuple),
    topics=st.lists(_TEXT, max_size=3).map(tuple),
)
_TOKENS = st.dictionaries(
    st.sampled_from(PushType), st.binary(min_size=1, max_size=9).map(bytes.hex)
)
_DEVICE = st.builds(
    DeviceEntry,
    app=_TEXT,
    environment=st.sampled_from(Environment),
    tokens=_TOKENS,
    recorded=st.none() | _TEXT,
)
_BOOK = st.builds(
    Book,
    environment=st.sampled_from([None, "local", "local-production", "sandbox", "production"]),
    apps=st.dictionaries(_TEXT, _APP, max_size=3),
    keys=st.dictionaries(_TEXT, _KEY, max_size=3),
    devices=st.dictionaries(_TEXT, _DEVICE, max_size=3),
)


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile's file, written anew for each example."""
    return tmp_path_factory.mktemp("book") / "pushkit.toml"


@given(book=_BOOK)
def test_what_is_written_is_read_again(profile: Path, book: Book) -> None:
    profile.write_bytes(dump(book))
    assert load_profile(profile) == book


def test_a_profile_that_is_not_there_is_an_empty_book(tmp_path: Path) -> None:
    assert load_profile(tmp_path / "pushkit.toml") == Book()
    assert dump(Book()) == b""


@given(below=_BOOK, above=_BOOK)
def test_one_book_hides_whole_entries_of_another(below: Book, above: Book) -> None:
    both = below.under(above)
    assert both.environment == (above.environment or below.environment)
    for kind in ("apps", "keys", "devices"):
        upper, lower, found = (getattr(book, kind) for book in (above, below, both))
        assert found.keys() == upper.keys() | lower.keys()
        for name, entry in found.items():
            assert entry == upper.get(name, lower.get(name))


def _project(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "pushkit.toml"
    file.write_text(text)
    return file


def test_a_projects_key_file_is_meant_from_where_the_project_is(tmp_path: Path) -> None:
    file = _project(tmp_path, '[keys.K]\nteam_id = "T"\nfile = "../keys/k.p8"')
    assert load_project(file).keys["K"].file == tmp_path / "../keys/k.p8"
    file = _project(tmp_path, '[keys.K]\nteam_id = "T"\nfile = "/keys/k.p8"')
    assert load_project(file).keys["K"].file == Path("/keys/k.p8")


def test_a_profile_names_no_key_file(tmp_path: Path) -> None:
    file = _project(tmp_path, '[keys.K]\nteam_id = "T"\nfile = "k.p8"')
    with pytest.raises(ConfigError, match=r"nothing is called keys\.K\.file"):
        load_profile(file)


def test_one_key_of_an_app_is_for_both_worlds_unless_one_has_its_own(tmp_path: Path) -> None:
    text = '[apps.a]\nteam_id = "T"\nkey_id = "K"\nproduction = { key_id = "P" }'
    app = load_project(_project(tmp_path, text)).apps["a"]
    assert app.credentials == {
        Environment.SANDBOX: Credential(key_id="K"),
        Environment.PRODUCTION: Credential(key_id="P"),
    }


def test_tokens_are_read_in_lower_case(tmp_path: Path) -> None:
    text = '[devices.d]\napp = "a"\nenvironment = "sandbox"\ntokens = { voip = "ABCD" }'
    assert load_project(_project(tmp_path, text)).devices["d"].tokens == {PushType.voip: "abcd"}


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN EC PRIVATE KEY-----",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----",
        "# eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJUIn0.c2ln",
    ],
)
def test_what_looks_like_a_secret_is_refused_wherever_it_stands(tmp_path: Path, text: str) -> None:
    for form in (f"# {text}", f'note = "{text}"', text):
        with pytest.raises(ConfigError, match="holds a secret"):
            load_project(_project(tmp_path, form))


@pytest.mark.parametrize(
    "text",
    [
        'environment = ["local"]',
        "keys = 1",
        "keys = []",
        "keys.K = 1",
        "[keys.K]\nteam_id = 1",
        '[keys.K]\nteam_id = "T"\nenvironments = "sandbox"',
        '[keys.K]\nteam_id = "T"\nenvironments = ["local"]',
        '[keys.K]\nteam_id = "T"\ntopics = "x"',
        '[apps.a]\nteam_id = "T"\nsandbox = "K"',
        '[apps.a]\nteam_id = "T"\nsandbox = { key = "K" }',
        '[devices.d]\napp = "a"',
        '[devices.d]\napp = "a"\nenvironment = "local"',
        '[devices.d]\napp = "a"\nenvironment = "sandbox"\ntokens = "ab"',
        '[devices.d]\napp = "a"\nenvironment = "sandbox"\ntokens = { nothing = "ab" }',
        '[devices.d]\napp = "a"\nenvironment = "sandbox"\nrecorded = 2026-01-01',
        "\ufeffenvironment = 'local'",
    ],
)
def test_a_value_of_the_wrong_kind_is_a_config_error(tmp_path: Path, text: str) -> None:
    file = _project(tmp_path, text)
    for load in (load_project, load_profile):
        with pytest.raises(ConfigError) as caught:
            load(file)
        assert str(file) in caught.value.message
        assert caught.value.hint


def test_a_project_is_looked_for_upward(tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find_project(below) not in {tmp_path / "pushkit.toml", below / "pushkit.toml"}
    file = _project(tmp_path, "")
    assert find_project(below) == file
    (tmp_path / "a" / "pushkit.toml").mkdir()  # a folder of that name is none
    assert find_project(below) == file
