"""How the published kernels do: written by `make kernels` and `make kernels_check`, read by all
others."""

from __future__ import annotations

import json
import textwrap
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..base.files import write_atomic
from ..site import Site


@dataclass(frozen=True)
class KernelState:
    """`proven` counts the kernels that work; `failing` are the others, each with its reason.
    `checked` is when all of them were last started, in seconds since 1970, 0 for never; `where`
    they were."""

    proven: int = 0
    failing: Mapping[str, str] = field(default_factory=dict)
    checked: int = 0
    where: str = ""


def path(site: Site) -> Path:
    """In the prefix, beside the kernels: whoever may publish them may say how they do, and
    everybody may read it."""
    return site.kernels_current.parent / "state.json"


def read_kernel_state(site: Site) -> KernelState | None:
    """None where no kernels have been published, or by another version of sitekit."""
    try:
        return KernelState(**json.loads(path(site).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_kernel_state(site: Site, state: KernelState) -> None:
    write_atomic(path(site), json.dumps(asdict(state), indent=1) + "\n")


def told(state: KernelState | None) -> Iterator[str]:
    """The state as lines for a person: the figures, then each kernel that fails with the beginning
    of its reason."""
    if state is None:
        yield "none published; make kernels"
        return
    when = (
        f"{_moment(state.checked)} on {state.where}"
        if state.checked
        else "never; make kernels_check"
    )
    failing = f", {len(state.failing)} FAILING" if state.failing else ""
    yield f"{state.proven} proven{failing}; last checked {when}"
    for name, reason in state.failing.items():
        yield f"  {name}: {textwrap.shorten(reason, 160, placeholder=' ...')}"


def _moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
