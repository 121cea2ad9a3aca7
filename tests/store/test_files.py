"""A home: whose it is, who can read it, and what is refused."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from json import loads
from pathlib import Path

import pytest

from pushkit_cli.errors import ExitCode, StoreError
from pushkit_cli.store.files import Home, read_private, remove, write_private
from tests.store.players import make_everything, play

IS_ROOT = os.geteuid() == 0
as_ordinary_user = pytest.mark.skipif(IS_ROOT, reason="root may do what modes forbid")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "place"


@pytest.fixture
def kept(place: Path) -> Home:
    return Home(place)


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


# Modes


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277, 0o777], ids=oct)
def test_everything_is_born_private_whatever_the_umask(place: Path, umask: int) -> None:
    (said,) = play(make_everything, place, umask=umask)
    found = loads(said)
    assert {name for name, its in found.items() if its == 0o700} == {"local", "run"}
    assert {name for name, its in found.items() if its == 0o600} == {
        ".gitignore", "written", "local/key", "created", "run/lock",
        "emulator.db", "emulator.db-wal", "emulator.db-shm",
    }  # fmt: skip
    assert set(found.values()) == {0o700, 0o600}
    assert mode(place) == 0o700


def test_folders_above_a_home_are_private_too(tmp_path: Path, open_umask: None) -> None:
    Home(tmp_path / "a" / "b" / "home").write("c/d/file", b"x")
    made = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert {path.name: mode(path) for path in made} == dict.fromkeys(
        ("a", "b", "home", "c", "d"), 0o700
    )


def test_a_file_that_was_open_to_others_is_closed_to_them(kept: Home) -> None:
    for name in ("made", "put"):
        (kept.path / name).write_bytes(b"old")
        (kept.path / name).chmod(0o644)
    assert mode(kept.create("made")) == mode(kept.write("put", b"new")) == 0o600
    assert kept.read("made") == b"old"
    assert kept.read("put") == b"new"


# What is kept


def test_what_was_written_is_read_and_what_was_not_is_none(kept: Home) -> None:
    assert kept.read("file") is None
    assert kept.read("no/such/folder") is None
    assert kept.write("file", b"\x00\xff") == kept.path / "file"
    assert kept.read("file") == b"\x00\xff"
    kept.write("file", b"")
    assert kept.read("file") == b""
    assert Home(kept.path).read("file") == b""


def test_to_create_keeps_what_is_there(kept: Home) -> None:
    assert kept.create("file").read_bytes() == b""
    kept.write("file", b"x")
    assert kept.create("file").read_bytes() == b"x"


def test_to_remove_what_is_not_there_is_no_fault(kept: Home) -> None:
    path = kept.write("file", b"x")
    remove(path)
    remove(path)
    assert kept.read("file") is None


def test_a_home_inside_a_project_is_not_committed(tmp_path: Path) -> None:
    Home(tmp_path / "project" / ".pushkit").write("local/AuthKey_X.p8", b"secret")
    assert (tmp_path / "project" / ".pushkit" / ".gitignore").read_bytes() == b"*\n"
    git = shutil.which("git")
    if git is None:
        pytest.skip("there is no git here to ask")
    project = tmp_path / "project"
    (project / "file").write_bytes(b"x")
    subprocess.run([git, "init", "-q"], cwd=project, check=True)
    asked = [git, "status", "--porcelain", "--untracked-files=all"]
    done = subprocess.run(asked, cwd=project, check=True, capture_output=True)
    assert done.stdout == b"?? file\n"


def test_an_ignore_file_of_the_users_is_kept(place: Path) -> None:
    place.mkdir(mode=0o700)
    (place / ".gitignore").write_bytes(b"!book.toml\n")
    assert Home(place).read(".gitignore") == b"!book.toml\n"


# Links


@pytest.mark.parametrize("name", ["target", "nowhere"])
@pytest.mark.parametrize(
    "use",
    [
        lambda home: home.read("link"),
        lambda home: home.create("link"),
        lambda home: home.lock("link"),
    ],
    ids=["read", "create", "lock"],
)
def test_no_link_is_followed(
    kept: Home, tmp_path: Path, use: Callable[[Home], object], name: str
) -> None:
    (tmp_path / "target").write_bytes(b"theirs")
    (tmp_path / "target").chmod(0o644)
    (kept.path / "link").symlink_to(tmp_path / name)
    with pytest.raises(StoreError, match="link: is a symbolic link") as caught:
        use(kept)
    assert "remove the link" in str(caught.value.hint)
    assert (tmp_path / "target").read_bytes() == b"theirs"
    assert mode(tmp_path / "target") == 0o644
    assert not (tmp_path / "nowhere").exists()


def test_to_take_a_lock_follows_no_link_that_came_later(kept: Home, tmp_path: Path) -> None:
    lock = kept.lock("lock")
    (kept.path / "lock").unlink()
    (kept.path / "lock").symlink_to(tmp_path / "target")
    (tmp_path / "target").touch()
    with pytest.raises(StoreError, match="symbolic link"):
        lock.take()


def test_to_write_replaces_a_link_and_leaves_what_it_points_at(kept: Home, tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"theirs")
    for name in ("target", "nowhere"):
        (kept.path / name).symlink_to(tmp_path / name)
        path = kept.write(name, b"ours")
        assert not path.is_symlink()
        assert path.read_bytes() == b"ours"
    assert (tmp_path / "target").read_bytes() == b"theirs"
    assert not (tmp_path / "nowhere").exists()


def test_a_home_may_be_a_link_to_a_private_folder(kept: Home, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(kept.path)
    Home(tmp_path / "link").write("file", b"x")
    assert kept.read("file") == b"x"


# Homes that cannot be trusted


def _refused(place: Path, *words: str) -> None:
    with pytest.raises(StoreError) as caught:
        Home(place).write("file", b"secret")
    error = caught.value
    assert error.exit_code is ExitCode.CONFIG
    assert str(place) in error.message
    assert error.hint
    said = f"{error.message} {error.hint}".lower()
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize("bits", [0o001, 0o004, 0o007, 0o010, 0o020, 0o040, 0o055, 0o077], ids=oct)
def test_a_home_that_others_can_enter_is_refused(place: Path, bits: int) -> None:
    place.mkdir()
    place.chmod(0o700 | bits)
    _refused(place, "can be read by other users", f"mode {0o700 | bits:04o}", f"chmod 700 {place}")
    assert mode(place) == 0o700 | bits
    assert list(place.iterdir()) == []
    place.chmod(0o700)
    Home(place)


def test_a_folder_inside_that_others_can_enter_is_refused(kept: Home) -> None:
    kept.folder("local").chmod(0o750)
    with pytest.raises(StoreError, match="local can be read by other users"):
        kept.folder("local")
    with pytest.raises(StoreError, match="local can be read by other users"):
        kept.write("local/key", b"secret")
    assert list((kept.path / "local").iterdir()) == []


def test_a_home_of_another_user_is_refused(place: Path) -> None:
    theirs = Path("/")
    if IS_ROOT:
        theirs = place
        theirs.mkdir(mode=0o700)
        os.chown(theirs, 12345, 12345)
    _refused(theirs, "belongs to another user", "a folder of your own")


def test_a_home_that_is_a_file_is_refused(place: Path) -> None:
    place.write_bytes(b"x")
    _refused(place, "is not a folder", "pushkit_home")
    assert place.read_bytes() == b"x"


def test_a_home_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    _refused(tmp_path / "file" / "home", "not a directory", "pushkit_home")


def test_a_home_that_is_a_dangling_link_is_refused(place: Path, tmp_path: Path) -> None:
    place.symlink_to(tmp_path / "nowhere")
    _refused(place, "no such file")
    assert not (tmp_path / "nowhere").exists()


def test_a_home_with_a_name_no_disk_can_hold_is_refused(tmp_path: Path) -> None:
    _refused(tmp_path / ("x" * 300), "too long")


@as_ordinary_user
def test_a_home_that_cannot_be_written_is_refused(place: Path) -> None:
    place.mkdir(mode=0o500)
    _refused(place, "permission denied", "a folder of your own")


@as_ordinary_user
def test_a_home_below_a_folder_that_cannot_be_written_is_refused(place: Path) -> None:
    place.mkdir(mode=0o500)
    _refused(place / "home", "permission denied", "a folder of your own")


@as_ordinary_user
def test_a_file_that_cannot_be_read_is_named(kept: Home) -> None:
    kept.write("file", b"x").chmod(0o000)
    with pytest.raises(StoreError, match="file: permission denied"):
        kept.read("file")


@pytest.mark.parametrize(
    "use",
    [
        read_private,
        remove,
        lambda path: write_private(path, b"x"),
        lambda path: Home(path.parent).create(path.name),
    ],
    ids=["read", "remove", "write", "create"],
)
def test_a_folder_in_the_place_of_a_file_is_named(
    kept: Home, use: Callable[[Path], object]
) -> None:
    folder = kept.folder("file")
    (folder / "inside").touch()
    with pytest.raises(StoreError, match="file: ") as caught:
        use(folder)
    assert caught.value.hint
    assert sorted(path.name for path in kept.path.iterdir()) == [".gitignore", "file"]
    assert (folder / "inside").exists()
