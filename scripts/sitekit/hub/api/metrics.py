"""Add the state of the published kernels, at their last check, to JupyterHub's metrics page."""

from __future__ import annotations

from prometheus_client import Gauge

from ...contracts.kernel_state import KernelState, read_kernel_state
from ...site import Site

PROVEN = Gauge("sitekit_kernels_proven", "Published kernels that work")
FAILING = Gauge("sitekit_kernels_failing", "Published kernels that failed their last test")
CHECKED = Gauge(
    "sitekit_kernels_checked_timestamp_seconds", "When all kernels were last tested; 0 for never"
)


def update_metrics(site: Site) -> None:
    """Register functions that return the values of sitekit's metrics.

    At each request, the registered functions read the file with the state of the kernels. The file
    is small, and is below the prefix, which servers need anyway.
    """

    def state() -> KernelState:
        return read_kernel_state(site) or KernelState()

    PROVEN.set_function(lambda: state().proven)
    FAILING.set_function(lambda: len(state().failing))
    CHECKED.set_function(lambda: state().checked)
