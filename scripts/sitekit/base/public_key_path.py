"""Return the path of the public key (`NAME.pub`) that OpenSSH keeps beside a private key."""

from __future__ import annotations

from pathlib import Path


def public_key(private: Path) -> Path:
    """Return the path of a private key's public key: the same path with `.pub` added
    (ssh-keygen(1))."""
    return private.with_name(f"{private.name}.pub")
