"""A profile's drawer: its book, its private keys and certificates, its provider tokens. Disk only.

Every secret is a file of its own, 0600 in a 0700 folder, and nothing else holds a copy.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pushkit_cli.apns.token import TokenFault, read
from pushkit_cli.errors import ConfigError, StoreError, UsageError
from pushkit_cli.store.book import Book, dump, load_profile
from pushkit_cli.store.files import Home, Lock, read_private, remove

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,127}")


def check_profile(name: str) -> None:
    """Raise UsageError where a name cannot be a profile's."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name or 'nothing'} cannot name a profile", hint="use letters, digits and hyphens"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """A signing key as kept: where its private half stands, and its public half."""

    private_file: Path
    public_pem: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """A client certificate as kept: chain and key, both PEM."""

    chain_file: Path
    key_file: Path

    def hold(self, *, chain_pem: bytes, key_pem: bytes) -> bool:
        """Whether these files hold just this certificate and key."""
        return (read_private(self.chain_file), read_private(self.key_file)) == (chain_pem, key_pem)


class Drawer:
    """Everything one profile keeps. A profile is a name; `default` where none is said."""

    def __init__(self, home: Home, profile: str = "default") -> None:
        check_profile(profile)
        self._home = home
        self._place = f"profiles/{profile}"
        self.folder = home.path / self._place
        if self.folder.exists():  # reading makes nothing, so that a read-only home can be read
            home.folder(self._place)

    @property
    def book_file(self) -> Path:
        """Where the profile's book stands."""
        return self.folder / "pushkit.toml"

    def book(self) -> Book:
        """What is registered in this profile."""
        return load_profile(self.book_file)

    def write_book(self, book: Book) -> None:
        """Put a whole book in place; hold `lock()` from reading it to here."""
        self._home.write(f"{self._place}/pushkit.toml", dump(book))

    def lock(self) -> Lock:
        """The lock under which the book is changed."""
        self._home.folder(self._place)
        return self._home.lock(f"{self._place}/lock")

    def secrets(self) -> list[Path]:
        """Every file of the keystore."""
        return sorted((self.folder / "keystore").glob("*"))

    # Signing keys

    def key(self, key_id: str) -> KeyPair | None:
        """A key by its id, `None` where it is not here."""
        public = self._home.read(self._in(f"{key_id}.pub"))
        private = self.folder / "keystore" / f"AuthKey_{key_id}.p8"
        if public is None or not private.exists():
            return None
        return KeyPair(private_file=private, public_pem=public)

    def put_key(self, key_id: str, *, private_pem: bytes, public_pem: bytes) -> None:
        """Keep a key, in place of another of the same id."""
        self._secret(f"AuthKey_{key_id}.p8", private_pem)
        self._secret(f"{key_id}.pub", public_pem)

    def remove_key(self, key_id: str) -> None:
        """Remove both halves."""
        for name in (f"AuthKey_{key_id}.p8", f"{key_id}.pub"):
            remove(self._home.path / self._in(name))

    # Certificates

    def certificate(self, name: str) -> CertificateFiles | None:
        """A certificate by its name, `None` where it is not here."""
        chain = self._home.path / self._in(f"{name}.crt.pem")
        key = self._home.path / self._in(f"{name}.key.pem")
        if not chain.exists() or not key.exists():
            return None
        return CertificateFiles(chain_file=chain, key_file=key)

    def put_certificate(self, name: str, *, chain_pem: bytes, key_pem: bytes) -> None:
        """Keep a certificate and its key."""
        self._secret(f"{name}.key.pem", key_pem)
        self._secret(f"{name}.crt.pem", chain_pem)

    def remove_certificate(self, name: str) -> None:
        """Remove certificate and key."""
        for suffix in ("crt", "key"):
            remove(self._home.path / self._in(f"{name}.{suffix}.pem"))

    # Data export tokens

    def export_token(self, app: str, dataset: str) -> str | None:
        """The token for one app and dataset, `None` where none is registered."""
        raw = self._home.read(self._in(_export_name(app, dataset)))
        return None if raw is None else raw.decode("ascii", "replace")

    def put_export_token(self, app: str, dataset: str, token: str) -> None:
        """Keep a token."""
        self._secret(_export_name(app, dataset), token.encode("ascii"))

    def remove_export_token(self, app: str, dataset: str) -> None:
        """Remove a token."""
        remove(self._home.path / self._in(_export_name(app, dataset)))

    def export_tokens(self) -> list[tuple[str, str]]:
        """App and dataset of every token that is kept."""
        found = sorted((self.folder / "keystore").glob("export.*.token"))
        parts = [path.name.removeprefix("export.").removesuffix(".token") for path in found]
        return [(app, dataset) for app, _, dataset in (part.rpartition(".") for part in parts)]

    def _in(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"{name} cannot be the name of a file", hint="use letters, digits, dots, hyphens"
            )
        return f"{self._place}/keystore/{name}"

    def _secret(self, name: str, data: bytes) -> None:
        self._home.folder(f"{self._place}/keystore")
        self._home.write(self._in(name), data)


def _export_name(app: str, dataset: str) -> str:
    return f"export.{app}.{dataset}.token"


@dataclass(slots=True)
class TokenCache:
    """Provider tokens kept between runs; with no home that can be written, kept in memory alone.

    `trouble` says why, where that was found out only when a token was to be kept.
    """

    home: Home | None
    trouble: str | None = None
    _memory: dict[str, str] = field(default_factory=dict)

    def name(self, *, team_id: str, key_id: str, public_pem: bytes) -> str:
        """What a token is kept under: another key of the same ids is another name."""
        said = f"{team_id}\0{key_id}\0".encode() + hashlib.sha256(public_pem).digest()
        return hashlib.sha256(said).hexdigest()[:32]

    def get(self, name: str) -> str | None:
        """A kept token as text, whatever its age."""
        if self.home is None:
            return self._memory.get(name)
        raw = self.home.read(f"tokens/{name}.jwt")
        return None if raw is None else raw.decode("ascii", "replace")

    def put(self, name: str, token: str) -> None:
        """Keep a token, in memory alone where the disk does not take it."""
        self._memory[name] = token
        if self.home is None:
            return
        try:
            self.home.folder("tokens")
            self.home.write(f"tokens/{name}.jwt", token.encode("ascii"))
        except StoreError as error:
            self.home, self.trouble = None, f"the provider token is not kept: {error.message}"

    def kept(self) -> Iterator[str]:
        """Every token that is kept, as text."""
        if self.home is not None:
            for path in sorted((self.home.path / "tokens").glob("*.jwt")):
                yield (read_private(path) or b"").decode("ascii", "replace")

    def drop_key(self, key_id: str) -> None:
        """Forget every token of a key, also of another key that had its id before."""
        self._memory.clear()
        if self.home is None:
            return
        for path in sorted((self.home.path / "tokens").glob("*.jwt")):
            found = read((read_private(path) or b"").decode("ascii", "replace"))
            if isinstance(found, TokenFault) or found.key_id == key_id:
                remove(path)

    def lock(self) -> Lock | None:
        """The lock under which one process mints; `None` where there is no home."""
        if self.home is None:
            return None
        self.home.folder("tokens")
        return self.home.lock("tokens/lock")
