"""The record of what `make apply` put on the machine: files with their hashes, links, folders,
accounts, members."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ...base.errors import Problem
from ...site import Site
from ..web.config import certificate
from .entries import Entry, look

Thing = TypeVar("Thing")


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FileRecord(_Record):
    """One file. It is ours as long as its hash is one of `hashes`: there are two of them while it
    is being replaced.

    `offered` is the hash of the content that was laid beside a file which is not ours to overwrite.
    `foreign`: it stood there before. `generated`: it was made up on this machine, such as a key,
    and does not follow from the site.
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
    """All of it, by path; of links, where they point. All but files only where it was not there
    before.

    `found` has mode, user and group of folders that were there before and became the site's:
    uninstall gives them back.
    """

    version: int = 1
    files: dict[str, FileRecord] = {}
    links: dict[str, str] = {}
    folders: list[str] = []
    found: dict[str, tuple[int, int, int]] = {}
    accounts: list[str] = []
    groups: list[str] = []
    memberships: list[tuple[str, str]] = []

    @property
    def text(self) -> str:
        """As it is written. It holds no secrets, and everybody may read it: `make diff` needs no
        root."""
        return self.model_dump_json(indent=1) + "\n"

    @property
    def empty(self) -> bool:
        things = (
            self.files,
            self.links,
            self.folders,
            self.found,
            self.accounts,
            self.groups,
            self.memberships,
        )
        return not any(things)

    def owns_link(self, path: Path, entry: Entry) -> bool:
        """Whether the link that stands there is as sitekit made it."""
        return entry.kind == "link" and entry.target == self.links.get(str(path))

    def joined(self, after: Manifest) -> Manifest:
        """What may be on the machine on the way from this manifest to `after`, wherever that is cut
        short."""
        files = {**self.files, **after.files}
        for name in self.files.keys() & after.files.keys():
            hashes = dict.fromkeys([*self.files[name].hashes, *after.files[name].hashes])
            files[name] = after.files[name].model_copy(update={"hashes": list(hashes)})
        return Manifest(
            files=files,
            links=self.links | after.links,
            folders=_both(self.folders, after.folders),
            found={**after.found, **self.found},
            accounts=_both(self.accounts, after.accounts),
            groups=_both(self.groups, after.groups),
            memberships=_both(self.memberships, after.memberships),
        )

    def note_found(self, path: Path, entry: Entry) -> None:
        """What a folder is before it first becomes the site's."""
        if str(path) not in self.folders:
            self.found.setdefault(str(path), (entry.mode, *entry.owner))


def _both(one: list[Thing], other: list[Thing]) -> list[Thing]:
    """What is in either, once."""
    return list(dict.fromkeys([*one, *other]))


def manifest_path(site: Site) -> Path:
    return site.etc / "manifest.json"


def load_manifest(site: Site, root: Path) -> Manifest:
    """The site's manifest; an empty one where there is none. Raises Problem when it cannot be read."""
    entry = look(root, manifest_path(site))
    if entry.kind == "nothing":
        return Manifest()
    if entry.closed:
        raise Problem(
            "it may not be read by you", str(manifest_path(site)), "run it once with sudo"
        )
    try:
        manifest = Manifest.model_validate_json(entry.content or b"")
    except ValidationError:
        remedy = "restore it from a backup; without it sitekit cannot tell its own files from yours"
        raise Problem(
            "this is no manifest of this version of sitekit", str(manifest_path(site)), remedy
        ) from None
    _taken(manifest, site, root)
    return manifest


def _taken(manifest: Manifest, site: Site, root: Path) -> None:
    """What certbot renewed and `take_certificate` put in its place is sitekit's work, whatever its
    hash."""
    if (site.front.server, site.front.certificate) == ("nginx", "acme"):
        for path in certificate(site):
            record, there = manifest.files.get(str(path)), look(root, path)
            if record and not record.foreign and there.sha256:
                record.hashes = [there.sha256]
