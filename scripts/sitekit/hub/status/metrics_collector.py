"""Compute at each request for /hub/metrics the metrics that describe the state of this moment."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

from prometheus_client import REGISTRY
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from ...contracts.kernel_state import KernelState
from ..ledger.ledger import LedgerTrouble
from ..servers.server_states import OPEN_STATES
from ..servers.shared_objects import HubState
from . import metrics
from .collect_state import servers_now
from .poll_kernels_and_release import last_prefix
from .summarize_servers import add_up, empty_sum

MIB = 1024**2


def update_metrics(hub_state: HubState) -> None:
    """Add sitekit's metrics to JupyterHub's page /hub/metrics."""

    def state() -> KernelState:
        return last_prefix().kernels or KernelState()

    metrics.KERNELS_PROVEN.set_function(lambda: state().proven)
    metrics.KERNELS_FAILING.set_function(lambda: len(state().failing))
    metrics.KERNELS_CHECKED.set_function(lambda: state().checked)
    for tier in hub_state.site.tiers:  # so that Prometheus' rate() counts the first increase
        metrics.QUEUE_WAIT.labels(tier.key)
        metrics.CULLED.labels(tier.key)
    REGISTRY.register(Collector(hub_state))


class Collector:
    """Yield the metrics of servers, backends and the disk. The collector starts no program."""

    def __init__(self, hub_state: HubState) -> None:
        self._hub_state, self._began = hub_state, time.monotonic()

    def describe(self) -> list[Metric]:
        """Return no metrics, because the ledger is not open when the collector is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield from self._servers()
        yield from self._backends()
        yield from self._disk()

    def _servers(self) -> Iterator[Metric]:
        """Yield the numbers of servers, and their memory, by tier."""
        tiers = {tier.key: empty_sum(tier.key) for tier in self._hub_state.site.tiers}
        try:
            servers = servers_now(self._hub_state)
        except LedgerTrouble:
            return
        tiers |= {total["name"]: total for total in add_up(servers, lambda one: one.tier)}
        texts = metrics.OF_SERVERS
        count = _gauge("sitekit_servers", texts, "tier", "state")
        asked = _gauge("sitekit_memory_requested_bytes", texts, "tier")
        cap = _gauge("sitekit_memory_cap_bytes", texts, "tier")
        used = _gauge("sitekit_memory_used_bytes", texts, "tier")
        for key, total in tiers.items():
            for state in OPEN_STATES:
                count.add_metric([key, state.value], total[state.value])
            asked.add_metric([key], total["memory"] * MIB)
            cap.add_metric([key], total["cap"] * MIB)
            used.add_metric([key], total["used"] * MIB)
        yield from (count, asked, cap, used)

    def _backends(self) -> Iterator[Metric]:
        """Yield whether and how fast the backends answer."""
        texts = metrics.OF_BACKENDS
        answers = _gauge("sitekit_backend_answers", texts, "backend")
        seconds = _gauge("sitekit_backend_answer_seconds", texts, "backend")
        name = "sitekit_backend_queries_total"
        queries = CounterMetricFamily(name, texts[name], labels=["backend"])
        age = _gauge("sitekit_snapshot_age_seconds", texts, "backend")
        strays = _gauge("sitekit_stray_jobs", texts, "backend")
        for key, backend in self._hub_state.backends.items():
            queue = backend.queue
            answers.add_metric([key], float(queue.healthy))
            if queue.answer_seconds is not None:
                seconds.add_metric([key], queue.answer_seconds)
            queries.add_metric([key], queue.queries)
            old = time.monotonic() - self._began if queue.age is None else queue.age
            age.add_metric([key], old)
            strays.add_metric([key], len(backend.strays))
        yield from (answers, seconds, queries, age, strays)

    def _disk(self) -> Iterator[Metric]:
        """Yield the size and the free space of the disk with the hub's state."""
        disk = shutil.disk_usage(self._hub_state.site.paths.state)
        for name, value in zip(metrics.OF_DISK, (disk.total, disk.free), strict=True):
            yield GaugeMetricFamily(name, metrics.OF_DISK[name], value)


def _gauge(name: str, texts: dict[str, str], *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, texts[name], labels=labels)
