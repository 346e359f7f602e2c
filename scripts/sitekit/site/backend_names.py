"""List the backends (such as Slurm) that run users' servers: the values of a tier's key
`runs_on`."""

from __future__ import annotations

BACKENDS: dict[str, str] = {
    "slurm": "sitekit.backends.slurm.backend:SlurmBackend",
    "docker": "sitekit.backends.docker.backend:DockerBackend",
    "systemd": "sitekit.backends.systemd.backend:SystemdBackend",
}
"""Maps the name of a backend to `module:class`. The class implements
sitekit.backends.interface.Backend. To add a backend, add one line."""

LOCAL = ("docker", "systemd")
"""The backends that run servers on the hub's own host, without a scheduler."""
