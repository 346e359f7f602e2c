"""The record of what `make apply` put on the machine: files with their hashes, folders, accounts, memberships."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import Problem
from ..site import Site
from .tree import Entry, look


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

    def owns(self, entry: Entry) -> bool:
        """Whether what stands there is as sitekit left it; nothing at all counts as that."""
        return entry.kind == "nothing" or entry.sha256 in self.hashes


class Manifest(_Record):
    """All of it, by path. Of folders, accounts and groups only those that were not there before."""

    version: int = 1
    files: dict[str, FileRecord] = {}
    folders: list[str] = []
    accounts: list[str] = []
    groups: list[str] = []
    memberships: list[tuple[str, str]] = []

    @property
    def text(self) -> str:
        """As it is written. It holds no secrets, and everybody may read it: `make diff` needs no root."""
        return self.model_dump_json(indent=1) + "\n"

    @property
    def empty(self) -> bool:
        return not (self.files or self.folders or self.accounts or self.groups or self.memberships)

    def joined(self, after: Manifest) -> Manifest:
        """What may be on the machine on the way from this manifest to `after`, wherever that is cut short."""
        files = {**self.files, **after.files}
        for name in self.files.keys() & after.files.keys():
            hashes = dict.fromkeys([*self.files[name].hashes, *after.files[name].hashes])
            files[name] = after.files[name].model_copy(update={"hashes": list(hashes)})
        lists = {
            key: list(dict.fromkeys([*getattr(self, key), *getattr(after, key)]))
            for key in ("folders", "accounts", "groups", "memberships")
        }
        return Manifest(files=files, **lists)


def manifest_path(site: Site) -> Path:
    return site.etc / "manifest.json"


def load_manifest(site: Site, root: Path) -> Manifest:
    """The site's manifest; an empty one where there is none. Raises Problem when it cannot be read."""
    entry = look(root, manifest_path(site))
    if entry.kind == "nothing":
        return Manifest()
    if entry.closed:
        raise Problem("it may not be read by you", str(manifest_path(site)), "run it once with sudo")
    try:
        return Manifest.model_validate_json(entry.content or b"")
    except ValidationError:
        remedy = "restore it from a backup; without it sitekit cannot tell its own files from yours"
        raise Problem("this is no manifest of this version of sitekit", str(manifest_path(site)), remedy) from None
