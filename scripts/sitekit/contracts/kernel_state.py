"""Store how many published kernels work, and why other published kernels fail.

`make kernels` and `make kernels_check` write the state file. Other commands and the hub read the
state file.
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
    """The result of the last check of the published kernels.

    `proven` counts the kernels that work. `failing` holds the reason for each kernel that fails.
    `checked` is the time when all kernels were last started, in seconds since 1970-01-01 UTC, or 0
    for never. `where` names the host or partition where the kernels were started.
    """

    proven: int = 0
    failing: Mapping[str, str] = field(default_factory=dict)
    checked: int = 0
    where: str = ""


def kernel_state_path(site: Site) -> Path:
    """Return the path of the state file, in the prefix beside the kernels.

    Accounts that are allowed to publish kernels can write the state file. Everybody can read it.
    """
    return site.kernels_current.parent / "state.json"


def read_kernel_state(site: Site) -> KernelState | None:
    """Return the stored state of the published kernels.

    Returns None if no kernels have been published, or if another version of sitekit wrote the file.
    """
    try:
        return KernelState(**json.loads(kernel_state_path(site).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write_kernel_state(site: Site, state: KernelState) -> None:
    """Store the state of the published kernels."""
    write_atomic(kernel_state_path(site), json.dumps(asdict(state), indent=1) + "\n")


def describe_kernel_state(state: KernelState | None) -> Iterator[str]:
    """Yield the state of the published kernels as lines of text.

    The first line has the number of kernels that work and the number of kernels that fail. Each
    kernel that fails has one further line, with the beginning of the reason.
    """
    if state is None:
        yield "none published; make kernels"
        return
    when = "never; make kernels_check"
    if state.checked:
        when = f"{_moment(state.checked)} on {state.where}"
    failing = f", {len(state.failing)} FAILING" if state.failing else ""
    yield f"{state.proven} proven{failing}; last checked {when}"
    for name, reason in state.failing.items():
        yield f"  {name}: {textwrap.shorten(reason, 160, placeholder=' ...')}"


def _moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
