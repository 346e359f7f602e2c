"""List the backends that a tier may name in its key `runs_on`, with the class of each. A backend,
such as Slurm, runs users' servers."""

from __future__ import annotations

BACKENDS: dict[str, str] = {
    "slurm": "sitekit.backends.slurm.backend:SlurmBackend",
    "docker": "sitekit.backends.docker.backend:DockerBackend",
    "systemd": "sitekit.backends.systemd.backend:SystemdBackend",
}
"""Maps the name of a backend to `module:class`. The class implements
sitekit.backends.interface.Backend. A new backend needs one line here."""

LOCAL = ("docker", "systemd")
"""The backends that run servers on the hub's own host, without a scheduler."""
