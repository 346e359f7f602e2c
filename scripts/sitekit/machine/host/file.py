"""Define a file or folder that `make apply` writes: content, mode and owner."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """Hold the content, mode and owner of a file.

    The file's group is the primary group of the account `group_of`, or of its owner.
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
    """Describe a directory that must exist.

    If `shared` is true, an existing directory keeps its owner and mode.
    """

    mode: int = 0o755
    owner: str = "root"
    shared: bool = False


def digest(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
