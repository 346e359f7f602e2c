"""Read and write state.json, which holds the number of working kernels and the failing ones.

`make kernels` and `make kernels_check` write the file.
"""

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
    """Hold the contents of state.json.

    `proven` is the number of kernels that work. `failing` holds the reason for each other kernel,
    by id. `checked` is the time at which all kernels were last started, in seconds since 1970, or 0
    if they never were. `where` names the host or the partition on which they were started.
    """

    proven: int = 0
    failing: Mapping[str, str] = field(default_factory=dict)
    checked: int = 0
    where: str = ""


def path(site: Site) -> Path:
    """Return the path of state.json, which is in the prefix beside the published kernels.

    The accounts that can publish kernels can write the file. Everybody can read the file.
    """
    return site.kernels_current.parent / "state.json"


def read_kernel_state(site: Site) -> KernelState | None:
    """Return the state of the published kernels.

    Returns None if no kernels are published, or if another version of sitekit wrote the file.
    """
    try:
        return KernelState(**json.loads(path(site).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_kernel_state(site: Site, state: KernelState) -> None:
    """Write state.json."""
    write_atomic(path(site), json.dumps(asdict(state), indent=1) + "\n")


def told(state: KernelState | None) -> Iterator[str]:
    """Yield the lines that `make status` shows about the kernels.

    The first line has the numbers. Each further line has one failing kernel, with the beginning of
    its reason.
    """
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
    """Return a time in seconds since 1970 as text in the local time zone."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
