"""A drawer and its secrets, and the tokens that are kept between runs."""

import stat
from pathlib import Path

import pytest

from pushkit_cli.apns.token import mint
from pushkit_cli.errors import ConfigError, StoreError, UsageError
from pushkit_cli.net.certs import new_signing_key
from pushkit_cli.store.book import AppEntry, Book
from pushkit_cli.store.files import Home
from pushkit_cli.store.keystore import Drawer, TokenCache


def _token(key_id: str = "K", team_id: str = "T") -> str:
    return mint(new_signing_key().private_pem, team_id=team_id, key_id=key_id, now=1e9)


@pytest.fixture
def drawer(home: Path) -> Drawer:
    return Drawer(Home(home))


@pytest.fixture
def cache(home: Path) -> TokenCache:
    return TokenCache(Home(home))


# The drawer


def test_looking_makes_nothing(home: Path, drawer: Drawer) -> None:
    assert drawer.book() == Book()
    assert drawer.key("K") is None
    assert drawer.certificate("C") is None
    assert drawer.export_token("a", "delivery") is None
    assert drawer.export_tokens() == []
    assert [path.name for path in home.iterdir()] == [".gitignore"]


def test_writing_makes_private_folders(home: Path, drawer: Drawer) -> None:
    with drawer.lock():
        drawer.write_book(Book(apps={"a": AppEntry(team_id="T")}))
    drawer.put_key("K", private_pem=b"private", public_pem=b"public")
    for path in home.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert Drawer(Home(home)).book().apps["a"].team_id == "T"
    assert Drawer(Home(home), "other").book() == Book()


def test_a_drawer_that_others_can_read_is_not_used(home: Path, drawer: Drawer) -> None:
    drawer.put_key("K", private_pem=b"private", public_pem=b"public")
    drawer.folder.chmod(0o755)
    with pytest.raises(StoreError, match="can be read by other users"):
        Drawer(Home(home))


def test_a_key_has_two_halves_and_goes_whole(drawer: Drawer) -> None:
    drawer.put_key("K", private_pem=b"private", public_pem=b"public")
    pair = drawer.key("K")
    assert pair is not None
    assert (pair.private_file.read_bytes(), pair.public_pem) == (b"private", b"public")
    pair.private_file.unlink()
    assert drawer.key("K") is None
    drawer.remove_key("K")
    assert list((drawer.folder / "keystore").iterdir()) == []
    drawer.remove_key("K")  # there is none any more


def test_a_certificate_knows_what_it_holds(drawer: Drawer) -> None:
    drawer.put_certificate("C", chain_pem=b"chain", key_pem=b"key")
    files = drawer.certificate("C")
    assert files is not None
    assert files.hold(chain_pem=b"chain", key_pem=b"key")
    assert not files.hold(chain_pem=b"chain", key_pem=b"other")
    assert not files.hold(chain_pem=b"other", key_pem=b"key")
    drawer.remove_certificate("C")
    assert drawer.certificate("C") is None


def test_export_tokens_are_told_by_app_and_dataset(drawer: Drawer) -> None:
    names = [("com.a", "delivery"), ("com.a.b", "broadcast-app"), ("com.a", "broadcast-channel")]
    for app, dataset in names:
        drawer.put_export_token(app, dataset, f"{app} {dataset}")
    assert sorted(drawer.export_tokens()) == sorted(names)
    assert drawer.export_token("com.a", "delivery") == "com.a delivery"
    drawer.remove_export_token("com.a", "delivery")
    assert ("com.a", "delivery") not in drawer.export_tokens()


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "-x", "a\nb", "x" * 200])
def test_no_name_leads_out_of_the_drawer(home: Path, name: str) -> None:
    with pytest.raises(UsageError):
        Drawer(Home(home), name)
    drawer = Drawer(Home(home))
    with pytest.raises(ConfigError):
        drawer.put_certificate(f"{name}/../../x", chain_pem=b"", key_pem=b"")
    with pytest.raises(ConfigError):
        drawer.certificate(f"{name}/../../x")
    with pytest.raises(ConfigError):
        drawer.key(f"{name}/../../x")
    assert not [path for path in home.rglob("*") if path.name.endswith(".pem")]


# The tokens that are kept


def test_a_token_is_kept_for_the_next_process(home: Path, cache: TokenCache) -> None:
    cache.put("name", "token")
    assert TokenCache(Home(home)).get("name") == "token"
    assert cache.get("other") is None
    assert stat.S_IMODE((home / "tokens" / "name.jwt").stat().st_mode) == 0o600


def test_names_tell_team_key_id_and_key_apart(cache: TokenCache) -> None:
    about = ({"team_id": "T", "key_id": "K", "public_pem": b"1"}, {"key_id": "L"},
        {"team_id": "U"}, {"public_pem": b"2"}, {"team_id": "TK", "key_id": ""})  # fmt: skip
    names = {cache.name(**{**about[0], **one}) for one in about}  # type: ignore[arg-type]
    assert len(names) == len(about)
    assert names == {TokenCache(None).name(**{**about[0], **one}) for one in about}  # type: ignore[arg-type]
    assert all(name.isalnum() and len(name) == 32 for name in names)


def test_without_a_home_tokens_are_kept_in_memory() -> None:
    cache = TokenCache(None)
    cache.put("name", "token")
    assert (cache.get("name"), cache.lock(), cache.trouble) == ("token", None, None)
    cache.drop_key("K")
    assert cache.get("name") is None


def test_a_disk_that_refuses_a_token_is_told_of_and_memory_goes_on(
    home: Path, cache: TokenCache
) -> None:
    (home / "tokens").write_bytes(b"not a folder")
    cache.put("name", "token")
    assert cache.get("name") == "token"
    assert cache.lock() is None
    assert cache.trouble is not None
    assert cache.trouble.startswith("the provider token is not kept: ")


def test_all_tokens_of_a_key_go_and_those_of_others_stay(home: Path, cache: TokenCache) -> None:
    kept = {"one": _token("K"), "two": _token("K", "U"), "three": _token("L"), "four": "torn"}
    for name, token in kept.items():
        cache.put(name, token)
    cache.drop_key("K")
    assert [path.name for path in (home / "tokens").glob("*.jwt")] == ["three.jwt"]
    assert TokenCache(Home(home)).get("three") == kept["three"]


def test_a_token_behind_a_link_is_not_read(home: Path, cache: TokenCache, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("token")
    cache.put("name", "x")
    (home / "tokens" / "name.jwt").unlink()
    (home / "tokens" / "name.jwt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="symbolic link"):
        cache.get("name")


def test_one_lock_is_held_at_a_time(home: Path, cache: TokenCache) -> None:
    first, second = cache.lock(), TokenCache(Home(home)).lock()
    assert first is not None
    assert second is not None
    with first:
        assert not second.take(wait=False)
    assert second.take(wait=False)
    second.release()
