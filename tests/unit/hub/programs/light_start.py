"""Run JupyterHub's program as a release does; print what it imported, and how the garbage collector
works afterwards.

The argument is the folder of sitekit's package.
"""

import gc
import json
import re
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from sitekit.hub.overrides import unused_imports


def start():
    """What is imported, and whether the collector ignores it."""
    told = {}
    sys.argv[1:] = ["--version"]
    try:
        unused_imports.main()
    except SystemExit as end:
        told["exit code"] = end.code or 0
    told["libraries"] = [name for name in ("lark", "arrow") if name in sys.modules]
    told["ignored after imports"] = gc.isenabled() and gc.get_freeze_count() > 10_000
    return told


def formats():
    """The formats of strings in JupyterHub's schemas that are not checked."""
    import jupyter_events
    import jupyterhub

    places = [Path(package.__file__).parent for package in (jupyterhub, jupyter_events)]
    schemas = [path for place in places for path in place.glob("*schemas/**/*.y*ml")]
    text = "\n".join(path.read_text() for path in schemas)
    return {
        "schemas": len(schemas) >= 2,
        "unchecked formats": re.findall(r"format: *(iri\S*|duration)", text),
    }


def users():
    """Whether the collector ignores the spawners, and works on."""
    from sitekit.hub.overrides.start_loops_after_users import collect_garbage_of_later_objects

    before, spawners = gc.get_freeze_count(), [[number] for number in range(1000)]
    gc.disable()
    collect_garbage_of_later_objects()
    ignored = gc.get_freeze_count() - before >= len(spawners)
    return {"ignored after users": gc.isenabled() and ignored}


print(json.dumps({**start(), **formats(), **users()}))
