"""Define a file or folder that `make apply` writes: content, mode and owner."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """Describe a file that `make apply` writes: content, mode and owner.

    The file's group is the primary group of the account whose name is in `group_of`. If `group_of`
    is None, the file's group is the primary group of the owner.
    """

    content: str
    mode: int = 0o644
    owner: str = "root"
    group_of: str | None = None

    @property
    def sha256(self) -> str:
        return digest(self.content.encode())


@dataclass(frozen=True)
class Folder:
    """Describe a directory that `make apply` creates if it is missing.

    The directory's group is chosen as in File. If the directory exists, `make apply` sets its owner
    and mode, unless `shared` is true.
    """

    mode: int = 0o755
    owner: str = "root"
    group_of: str | None = None
    shared: bool = False

    @property
    def whose(self) -> tuple[str, str | None]:
        """Return the owner of the directory, and the account whose primary group the directory
        gets."""
        return self.owner, self.group_of


def digest(content: bytes) -> str:
    """Return the SHA-256 of a file's content in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
