"""Define sitekit's own metrics, which the page /hub/metrics shows in addition to JupyterHub's
metrics.

docs/monitoring.md describes each metric. No label contains the name of a user.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

MINUTE, HOUR = 60.0, 3600.0
_SHORT = (0.5, 1, 2, 5, 10, 20, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE)
_LONG = (1, 5, 15, 30, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR, 12 * HOUR, 24 * HOUR)
PHASES = ("submit", "queue", "boot", "ready")
"""The phases of a start: until the job is submitted, until the job runs, until the server listens,
and until the hub opens the server to its user."""

QUEUE_WAIT = Histogram(
    "sitekit_queue_wait_seconds",
    "From the submission of a server's job until the job runs",
    ["tier"],
    buckets=_LONG,
)
START_PHASE = Histogram(
    "sitekit_start_phase_seconds",
    "How long each phase of a successful start took",
    ["phase"],
    buckets=_SHORT,
)
FAILURES = Counter(
    "sitekit_server_failures_total",
    "Servers that did not start or ended by a failure, by the kind of the user's card",
    ["kind"],
)
CULLED = Counter("sitekit_servers_culled_total", "Servers that were stopped as idle", ["tier"])
ORPHANS_FOUND = Counter(
    "sitekit_orphans_found_total", "Jobs of servers that JupyterHub no longer managed"
)
ORPHANS_ENDED = Counter("sitekit_orphans_ended_total", "Those of these jobs that the hub has ended")
ORPHANS = Gauge(
    "sitekit_orphans", "Starts that JupyterHub does not manage and that have not ended", ["backend"]
)
CERTIFICATES = Gauge(
    "sitekit_certificate_expiry_timestamp_seconds",
    "When the certificate of the web server (front), or of internal TLS (internal), expires",
    ["certificate"],
)
KERNELS_PROVEN = Gauge("sitekit_kernels_proven", "Published kernels that work")
KERNELS_FAILING = Gauge("sitekit_kernels_failing", "Published kernels that failed their last test")
KERNELS_CHECKED = Gauge(
    "sitekit_kernels_checked_timestamp_seconds", "When all kernels were last tested; 0 for never"
)
KINDS = (
    *(
        "account",
        "cancelled",
        "constraint",
        "crash",
        "directory",
        "engine",
        "gate",
        "home",
        "image",
    ),
    *("image-changed", "image-engine", "image-missing", "image-untested", "limit", "lost"),
    *("memory", "module", "network", "node", "outage", "partition", "patience", "port", "qos"),
    *("preempted", "refused", "release", "reservation", "revoked", "size", "slow", "time"),
    *("tunnel", "unknown", "unseen"),
)
"""The kinds of cards of servers that failed."""

# Prometheus does not count the first increase of a metric that did not exist before. Therefore,
# these metrics are created now.
for _phase in PHASES:
    START_PHASE.labels(_phase)
for _kind in KINDS:
    FAILURES.labels(_kind)

OF_SERVERS = {
    "sitekit_servers": "Servers by tier and state",
    "sitekit_memory_requested_bytes": "Memory that Slurm reserves for running servers",
    "sitekit_memory_cap_bytes": "Memory that running servers may use at most",
    "sitekit_memory_used_bytes": "Memory that running servers have reported to use",
}
OF_BACKENDS = {
    "sitekit_backend_answers": "Whether the last query of the backend was answered",
    "sitekit_backend_answer_seconds": "How long the backend's last answer took",
    "sitekit_backend_queries_total": "Queries of the backend",
    "sitekit_snapshot_age_seconds": "Age of the list of jobs; without one, of the hub",
    "sitekit_stray_jobs": "Jobs with the site's tag that the hub's ledger does not have",
}
OF_DISK = {
    "sitekit_state_disk_bytes": "Size of the disk with the hub's state",
    "sitekit_state_disk_free_bytes": "Free space on the disk with the hub's state",
}
"""OF_SERVERS, OF_BACKENDS and OF_DISK contain the metrics that metrics_collector.py computes at
each request."""
