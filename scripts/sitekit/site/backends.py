"""Name the backends that a tier may name in `runs_on`, with the class of each."""

from __future__ import annotations

BACKENDS: dict[str, str] = {
    "slurm": "sitekit.backends.slurm.backend:SlurmBackend",
}
"""Name -> `module:class`. Its form is sitekit.backends.interface.Backend. A new backend is one line
here."""
