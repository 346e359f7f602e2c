"""Generate passwords that people can read aloud and type from paper."""

from __future__ import annotations

import secrets

LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""The letters and digits of passwords: without 0, 1, l and o, which are easily confused."""


def new_password() -> str:
    """Return three words of four random letters and digits, such as `k7mp-x2tq-wz4a` (60 bits)."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))
