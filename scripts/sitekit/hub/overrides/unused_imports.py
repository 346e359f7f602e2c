"""Start JupyterHub without libraries that it imports but does not use.

JupyterHub imports jupyter_events, and jupyter_events imports jsonschema, which imports a library
for each format of strings that it can check. The library rfc3987_syntax builds 39 grammars when it
is imported, which took a fifth of the CPU time of a hub's start (python-jsonschema/jsonschema#1392,
#1521). isoduration imports arrow. Without these libraries, jsonschema does not check the formats
`iri`, `iri-reference` and `duration` (jsonschema/_format.py suppresses ImportError). No schema of
JupyterHub's events uses these formats.

JupyterHub imports jupyter_events before it reads any configuration. Therefore the release's program
bin/jupyterhub calls main() of this module (environment/release/configure_release.py).
"""

from __future__ import annotations

import gc
import sys

WITHOUT = ("isoduration", "rfc3987_syntax")
"""Modules whose import fails in the hub, as if they were not installed."""


def main() -> None:
    """Run JupyterHub, with the arguments of this program.

    While Python imports modules, nearly all new objects stay until the hub ends. Without the
    cyclic garbage collector, which would examine all these objects again and again, the imports
    take less CPU time. gc.freeze() makes the collector ignore these objects later too.
    """
    for name in WITHOUT:
        # None makes the import fail. The type annotation of sys.modules does not allow None.
        sys.modules[name] = None  # type: ignore[assignment]
    gc.disable()
    from jupyterhub.app import main as run_jupyterhub

    gc.freeze()
    gc.enable()
    run_jupyterhub()
