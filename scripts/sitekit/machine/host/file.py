"""A file as it shall stand on the machine."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """Content, mode and owner. Its group is the own group of the account `group_of`, or of its
    owner."""

    content: str
    mode: int = 0o644
    owner: str = "root"
    group_of: str | None = None

    @property
    def sha256(self) -> str:
        return digest(self.content.encode())


@dataclass(frozen=True)
class Folder:
    """A directory that has to be there. A `shared` one may belong to others as well: what is there
    is left alone."""

    mode: int = 0o755
    owner: str = "root"
    shared: bool = False


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
