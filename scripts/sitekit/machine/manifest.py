"""The record of what `make apply` put on the machine: files with their hashes, folders, accounts, memberships."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import Problem
from ..files import write_atomic


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FileRecord(_Record):
    """One file. It is ours as long as its hash is one of `hashes`: there are two of them while it is being replaced.

    `offered` is the hash of the content that was laid beside a file which is not ours to overwrite. `foreign`: it stood
    there before. `generated`: it was made up on this machine, such as a key, and does not follow from the site.
    """

    hashes: list[str] = []
    mode: int = 0
    offered: str | None = None
    foreign: bool = False
    generated: bool = False


class Manifest(_Record):
    """All of it, by path. Of folders, accounts and groups only those that were not there before."""

    version: int = 1
    files: dict[str, FileRecord] = {}
    folders: list[str] = []
    accounts: list[str] = []
    groups: list[str] = []
    memberships: list[tuple[str, str]] = []

    def save(self, path: Path) -> None:
        """Write it, for root alone."""
        write_atomic(path, self.model_dump_json(indent=1) + "\n", 0o600)

    @property
    def empty(self) -> bool:
        return not (self.files or self.folders or self.accounts or self.groups or self.memberships)


def load_manifest(path: Path) -> Manifest:
    """The manifest at `path`; an empty one where there is none. Raises Problem when it cannot be read."""
    if not path.exists():
        return Manifest()
    try:
        return Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError):
        remedy = "restore it from a backup; without it sitekit cannot tell its own files from yours"
        raise Problem("this is not a manifest that this version of sitekit wrote", str(path), remedy) from None
