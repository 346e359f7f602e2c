"""Define the manifest: the record of everything that `make apply` put on the machine.

The manifest lists files with their hashes, links, folders, accounts, groups and memberships.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from ...base.errors import Problem
from ...site import Site
from ..web.config import certificate
from .read_and_restore_path import Entry, read_entry

Thing = TypeVar("Thing")


class _Record(BaseModel):
    """The base class of the objects in the manifest file. Unknown keys are errors."""

    model_config = ConfigDict(extra="forbid")


class FileRecord(_Record):
    """Record one file that sitekit wrote, or beside which sitekit wrote a `.new` file.

    `hashes` contains the hashes of content that sitekit has written to the file. A file with
    another hash was changed by hand. While the file is being replaced, the list has two hashes.
    `offered` is the hash of the content that was written as `.new` beside the administrator's own
    file.
    `foreign` is True if the file existed before sitekit's first apply.
    `generated` is True if the file was generated on this machine, such as a key, and does not
    follow from the site file.
    """

    hashes: list[str] = []
    mode: int = 0
    offered: str | None = None
    foreign: bool = False
    generated: bool = False

    def owns(self, entry: Entry) -> bool:
        """Return whether the file does not exist, or still has the content that sitekit wrote."""
        return entry.kind == "nothing" or entry.sha256 in self.hashes


class Manifest(_Record):
    """List everything that sitekit has made on the machine.

    Folders, links, accounts, groups and memberships are listed only if they did not exist before.
    `links` has the target of each link.

    `found` has the mode, user and group of folders that existed before, and whose owner or mode
    sitekit has changed. `make uninstall` restores the modes and owners in `found`.
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
        """Return the manifest as JSON.

        The manifest contains no secrets. Everybody can read the manifest, because `make diff` must
        work without root.
        """
        return self.model_dump_json(indent=1) + "\n"

    @property
    def empty(self) -> bool:
        """Return whether the manifest lists nothing."""
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
        """Return whether the symbolic link still has the target that sitekit set."""
        return entry.kind == "link" and entry.target == self.links.get(str(path))

    def joined(self, after: Manifest) -> Manifest:
        """Return a manifest that lists everything in this manifest and in `after`.

        `make apply` writes the joined manifest before the first change, because an apply may be
        interrupted at any point.
        """
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
        """Record the mode and owner of a folder before sitekit changes them."""
        if str(path) not in self.folders:
            self.found.setdefault(str(path), (entry.mode, *entry.owner))


def _both(one: list[Thing], other: list[Thing]) -> list[Thing]:
    """Return the elements that occur in at least one of two lists, each element once."""
    return list(dict.fromkeys([*one, *other]))


def manifest_path(site: Site) -> Path:
    """Return the path of the site's manifest."""
    return site.etc / "manifest.json"


def load_manifest(site: Site, root: Path) -> Manifest:
    """Return the site's manifest; if the file does not exist, an empty manifest. Raises Problem."""
    entry = read_entry(root, manifest_path(site))
    if entry.kind == "nothing":
        return Manifest()
    if entry.closed:
        raise Problem("you may not read it", str(manifest_path(site)), "run it once with sudo")
    try:
        manifest = Manifest.model_validate_json(entry.content or b"")
    except ValidationError:
        remedy = "restore it from a backup; without it sitekit cannot distinguish its own files from yours"
        raise Problem(
            "this is not a manifest of this version of sitekit", str(manifest_path(site)), remedy
        ) from None
    _taken(manifest, site, root)
    return manifest


def _taken(manifest: Manifest, site: Site, root: Path) -> None:
    """Set the hashes of the certificate's files in the manifest to the hashes of the present files.

    certbot renews certificates without `make apply`, and the program `take_certificate` copies the
    new files.
    """
    if (site.front.server, site.front.certificate) == ("nginx", "acme"):
        for path in certificate(site):
            record, there = manifest.files.get(str(path)), read_entry(root, path)
            if record and not record.foreign and there.sha256:
                record.hashes = [there.sha256]
