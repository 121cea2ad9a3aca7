"""What surrounds a command: its home, profile, variables and folder. Read once, then passed in."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pushkit_cli.engine import ready
from pushkit_cli.errors import StoreError
from pushkit_cli.store.book import Book, find_project, load_project
from pushkit_cli.store.files import Home
from pushkit_cli.store.keystore import Drawer, TokenCache, check_profile

__all__ = ["Cabinet", "Setting", "check_profile"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cabinet:
    """A home that was opened for writing: made where it was missing."""

    home: Home
    drawer: Drawer
    cache: TokenCache


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The world outside as one value. Only `cabinet` and `token_cache` make a home."""

    home: Path
    variables: Mapping[str, str]
    profile: str = "default"
    folder: Path | None = None

    def variable(self, name: str) -> str | None:
        """A variable's text; an empty one counts as absent."""
        return self.variables.get(name) or None

    def path_of(self, name: str) -> Path | None:
        """A variable that names a file."""
        said = self.variable(name)
        if said is None:
            return None
        try:
            return Path(said).expanduser()
        except RuntimeError:  # there is no such user, and maybe a file of that name
            return Path(said)

    def listener(self) -> dict[str, Any] | None:
        """The ready object of the listener that commands here speak to."""
        named = self.path_of("PUSHKIT_READY_FILE")
        if named is None and not os.access(self.home, os.W_OK):
            return None  # whoever listens holds a lock in his home
        return ready.find(self.home, named)

    @cached_property
    def project_file(self) -> Path | None:
        """The nearest pushkit.toml."""
        return None if self.folder is None else find_project(self.folder)

    @cached_property
    def drawer(self) -> Drawer | None:
        """The profile's drawer, `None` while nothing was ever kept in this home."""
        kept = (self.home / "profiles").is_dir()
        return Drawer(Home(self.home), self.profile) if kept else None

    def cabinet(self) -> Cabinet:
        """The home, the profile's drawer and the kept tokens, to be written to."""
        home = Home(self.home)
        return Cabinet(home=home, drawer=Drawer(home, self.profile), cache=TokenCache(home))

    @cached_property
    def book(self) -> Book:
        """What is registered, and over it what the project's file says."""
        kept = Book() if self.drawer is None else self.drawer.book()
        return kept.under(self.project)

    @cached_property
    def project(self) -> Book:
        """What the project's file says; an empty book where there is none."""
        return Book() if self.project_file is None else load_project(self.project_file)

    def token_cache(self) -> tuple[TokenCache, str | None]:
        """Where provider tokens are kept, and a warning where they cannot be.

        Raises StoreError for a home that could be written, and may not be trusted.
        """
        try:
            cache = TokenCache(Home(self.home))
            cache.lock()
        except StoreError as error:
            if self.home.is_dir() and not isinstance(error.__cause__, OSError):
                raise
            return TokenCache(None), f"the provider token is not kept: {error.message}"
        return cache, None
