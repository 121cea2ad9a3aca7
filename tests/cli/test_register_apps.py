"""`pushkit register app`: with a key, with a certificate, or by its name alone."""

from pathlib import Path
from typing import Any

import pytest

from tests.cli.credentials import APP, KEY, TEAM, new_key, p8, p8_file, p12, push_certificate
from tests.cli.errands import failed, files_below, here, holding, prepared, spoken
from tests.commands import objects

_KEYSTORE = Path("profiles", "default", "keystore")


def _register(*more: str, app: str = APP) -> tuple[int, str]:
    done = here("register", "app", app, "--team-id", TEAM, *more)
    return done.returncode, done.stdout.decode() or spoken(done)


def _shown(app: str = APP) -> dict[str, object]:
    return objects(here("register", "show", "app", app, "--json").stdout)[0]


def _pem(folder: Path, name: str = "push.pem", **about: Any) -> Path:
    """A certificate and its key in one file."""
    key = new_key()
    file = folder / name
    file.write_bytes(push_certificate(key, **about) + p8(key))
    return file


def _secret_of(file: Path) -> bytes:
    """A line of the private key alone."""
    return file.read_bytes().split(b"-----BEGIN PRIVATE KEY-----")[1].splitlines()[1]


# A key


def test_an_app_is_registered_with_the_key_itself(home: Path, tmp_path: Path) -> None:
    file = str(p8_file(tmp_path))
    assert _register("--key", file) == (0, f"registered  app  {APP}\n")
    assert _register("--key", file) == (0, f"unchanged  app  {APP}\n")
    assert (_shown()["sandbox"], _shown()["production"]) == (KEY, KEY)
    assert objects(here("register", "show", "key", KEY, "--json").stdout)[0]["team_id"] == TEAM


def test_an_app_is_registered_with_a_key_that_is_known(tmp_path: Path) -> None:
    done = here("register", "app", APP, "--team-id", TEAM, "--key-id", KEY)
    assert f"no key {KEY} is registered" in failed(done, 6)
    prepared("register", "key", str(p8_file(tmp_path)), "--team-id", TEAM)
    assert _register("--key-id", KEY)[0] == 0
    assert _register("--key-id", KEY)[1].startswith("unchanged")


def test_a_known_key_keeps_its_scope_when_it_comes_again_with_an_app(tmp_path: Path) -> None:
    file = str(p8_file(tmp_path))
    prepared("register", "key", file, "--team-id", TEAM, "--env", "sandbox", "--topic", APP)
    assert _register("--key", file, "--env", "sandbox")[0] == 0
    shown = objects(here("register", "show", "key", KEY, "--json").stdout)[0]
    assert (shown["environments"], shown["topics"]) == ("sandbox", APP)


def test_each_environment_has_a_credential_of_its_own(tmp_path: Path) -> None:
    other = "XYZ123XYZ1"
    assert _register("--key", str(p8_file(tmp_path)), "--env", "sandbox")[0] == 0
    assert "production" not in _shown()
    assert _register("--key", str(p8_file(tmp_path, other)), "--env", "production")[0] == 0
    assert (_shown()["sandbox"], _shown()["production"]) == (KEY, other)


def test_another_key_for_the_same_environment_needs_replace(home: Path, tmp_path: Path) -> None:
    other, pem = "XYZ123XYZ1", p8()
    file = str(p8_file(tmp_path, other, pem))
    _register("--key", str(p8_file(tmp_path)))
    done = here("register", "app", APP, "--team-id", TEAM, "--key", file)
    assert f"another app {APP}" in failed(done, 6)
    assert holding(home, pem.splitlines()[1]) == []  # what is refused leaves nothing behind
    assert _register("--key", file, "--replace") == (0, f"replaced  app  {APP}\n")
    assert (_shown()["sandbox"], _shown()["production"]) == (other, other)


def test_another_team_needs_replace(tmp_path: Path) -> None:
    _register("--key", str(p8_file(tmp_path)))
    other = str(p8_file(tmp_path, "XYZ123XYZ1"))
    words = ("register", "app", APP, "--team-id", "OTHERTEAM1", "--key", other)
    assert "another app" in failed(here(*words), 6)
    assert here(*words, "--replace").returncode == 0
    assert _shown()["team_id"] == "OTHERTEAM1"


def test_the_mistake_of_the_first_screen(tmp_path: Path) -> None:
    file = str(p8_file(tmp_path))
    said = failed(here("register", "app", APP, "--team-id", KEY, "--key", file), 6)
    assert f"team id and key id are the same, {KEY}" in said
    assert "under Membership on developer.apple.com" in said


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("com.example.app.voip", "name the app itself: com.example.app"),
        ("no app", "is not a bundle id"),
        ("../../x", "is not a bundle id"),
    ],
)
def test_what_is_no_bundle_id_is_refused(name: str, words: str) -> None:
    assert words in failed(here("register", "app", name, "--team-id", TEAM), 2)


# Nothing but its name


def test_an_app_without_credentials_is_the_emulators(home: Path) -> None:
    assert here("register", "app", APP).stdout == f"registered  app  {APP}\n".encode()
    assert here("register", "app", APP).stdout == f"unchanged  app  {APP}\n".encode()
    assert _shown()["origin"] == "emulator"
    done = here("register", "remove", "app", APP)
    assert "belongs to the emulator" in failed(done, 2)


# A certificate


def test_a_pem_certificate_is_kept_with_its_key(home: Path, tmp_path: Path) -> None:
    file = _pem(tmp_path, topics=(APP, f"{APP}.voip", f"{APP}.complication"))
    assert _register("--cert", str(file)) == (0, f"registered  app  {APP}\n")
    assert _register("--cert", str(file)) == (0, f"unchanged  app  {APP}\n")
    assert {Path(one).parent for one in holding(home, _secret_of(file))} == {_KEYSTORE}


def test_certificate_and_key_in_two_files(tmp_path: Path) -> None:
    key = new_key()
    cert, private = tmp_path / "push.pem", tmp_path / "push.key"
    cert.write_bytes(push_certificate(key))
    private.write_bytes(p8(key))
    done = here("register", "app", APP, "--team-id", TEAM, "--cert", str(cert))
    assert "--cert-key" in failed(done, 6)
    assert _register("--cert", str(cert), "--cert-key", str(private))[0] == 0
    private.write_bytes(p8())
    words = ("register", "app", APP, "--team-id", TEAM, "--cert", str(cert))
    done = here(*words, "--cert-key", str(private))
    assert "the key is not that of the certificate" in failed(done, 6)


def test_a_pkcs12_file_needs_its_password(home: Path, tmp_path: Path) -> None:
    key, file, password = new_key(), tmp_path / "push.p12", tmp_path / "password"
    file.write_bytes(p12(key, push_certificate(key), b"pa55word"))
    words = ("register", "app", APP, "--team-id", TEAM, "--cert", str(file))
    assert "the password is wrong" in failed(here(*words), 6)
    password.write_bytes(b"guess\n")
    assert "the password is wrong" in failed(here(*words, "--password-file", str(password)), 6)
    assert not (home / _KEYSTORE).exists()
    password.write_bytes(b"pa55word\r\n")
    assert here(*words, "--password-file", str(password)).returncode == 0
    done = here(*words, "--password-file", "-", stdin=b"pa55word\n")
    assert done.stdout.startswith(b"unchanged")
    assert holding(home, b"pa55word") == []


def test_a_password_that_is_not_needed_does_no_harm(tmp_path: Path) -> None:
    words = ("--cert", str(_pem(tmp_path)), "--password-file", "-")
    done = here("register", "app", APP, "--team-id", TEAM, *words, stdin=b"x")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"days": -1}, "the certificate ended on 2"),
        ({"app": "com.example.other"}, "is for com.example.other, not for com.example.app"),
        ({"app": "y", "topics": ("com.example.b.voip", "x")}, "is for com.example.b, x"),
    ],
)
def test_a_certificate_that_is_of_no_use_is_refused(
    home: Path, tmp_path: Path, about: dict[str, Any], words: str
) -> None:
    file = _pem(tmp_path, **about)
    done = here("register", "app", APP, "--team-id", TEAM, "--cert", str(file))
    assert words in failed(done, 6)
    assert not (home / _KEYSTORE).exists()


@pytest.mark.parametrize("content", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "push.cer"
    file.write_bytes(content)
    done = here("register", "app", APP, "--team-id", TEAM, "--cert", str(file))
    assert "push.cer" in failed(done, 6)


def test_a_voip_services_certificate_is_the_apps(tmp_path: Path) -> None:
    file = _pem(tmp_path, app=f"{APP}.voip", topics=(f"{APP}.voip",))
    assert _register("--cert", str(file))[0] == 0


def test_a_certificate_for_one_environment_serves_that_one(tmp_path: Path) -> None:
    sandbox = _pem(tmp_path, "sandbox.pem", environments=("sandbox",))
    words = ("register", "app", APP, "--team-id", TEAM, "--cert", str(sandbox))
    said = failed(here(*words, "--env", "production"), 6)
    assert "the certificate is not for production" in said
    assert "--env sandbox" in said
    assert here(*words).returncode == 0
    assert (_shown().get("sandbox") is None, _shown().get("production")) == (False, None)


def test_a_universal_certificate_serves_what_was_asked(tmp_path: Path) -> None:
    assert _register("--cert", str(_pem(tmp_path)), "--env", "sandbox")[0] == 0
    assert "production" not in _shown()


def test_two_certificates_of_one_app_stand_side_by_side(home: Path, tmp_path: Path) -> None:
    secrets = {}
    for environment in ("sandbox", "production"):
        file = _pem(tmp_path, f"{environment}.pem", environments=(environment,))
        secrets[environment] = _secret_of(file)
        assert _register("--cert", str(file))[0] == 0
    for environment, secret in secrets.items():
        kept = holding(home, secret)
        assert len(kept) == 1
        assert environment in kept[0]


def test_another_certificate_needs_replace_and_then_takes_the_place(
    home: Path, tmp_path: Path
) -> None:
    first, second = _pem(tmp_path, "1.pem"), _pem(tmp_path, "2.pem")
    _register("--cert", str(first))
    done = here("register", "app", APP, "--team-id", TEAM, "--cert", str(second))
    assert "another app" in failed(done, 6)
    line = _secret_of(first)
    assert holding(home, line) != []
    assert _register("--cert", str(second), "--replace") == (0, f"replaced  app  {APP}\n")
    assert holding(home, line) == []


def test_a_removed_app_leaves_no_byte_of_its_certificate(home: Path, tmp_path: Path) -> None:
    file = _pem(tmp_path)
    _register("--cert", str(file))
    assert here("register", "remove", "app", APP).stdout == f"removed  app  {APP}\n".encode()
    for line in file.read_bytes().splitlines():
        if not line.startswith(b"-----"):
            assert holding(home, line) == []
    assert not [path for path in files_below(home) if "keystore" in path.parts]
