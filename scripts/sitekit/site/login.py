"""Define the section `login`, which sets who may log in, how, and for how long."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .tier import Row, Time, TimeOrNever
from .units import parse_time
from .value_types import Account


class Login(Row):
    """Define who may log in, and how. By default, nobody may log in.

    `session` and `tokens` are in seconds. None means without limit.
    """

    method: Literal["pam"] = "pam"
    allowed_groups: Annotated[
        tuple[Account, ...], Field(min_length=1, examples=[["jupyter-users"]])
    ]
    admin_groups: tuple[Account, ...] = ()
    admin_access: bool = False
    passwords: Literal["shadow", "sssd"] = "shadow"
    second_factor: Literal["none", "totp"] = "none"
    session: Time = parse_time("14d")
    tokens: TimeOrNever = parse_time("90d")
