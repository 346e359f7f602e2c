"""Name the files of OpenSSH's key pairs."""

from __future__ import annotations

from pathlib import Path


def public_key(private: Path) -> Path:
    """Return the path of the public key of a private key; see ssh-keygen(1)."""
    return private.with_name(f"{private.name}.pub")
