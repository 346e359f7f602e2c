"""Run by a module's own Python, of any version: what it is, and which ipykernel it would start. One
line of JSON.

The words are versions of ipykernel whose "spec" is known already: importing one takes most of the
time. Types stand in comments, which every Python passes over.
"""

import json
import os
import re
import sys

told = {
    "version": "%d.%d.%d" % sys.version_info[:3],  # noqa: UP031
    "interpreter": sys.executable,
    "libraries": [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))],
}  # type: dict[str, object]


def known():
    # type: () -> bool
    """Whether an ipykernel of such a version is there; it is told then."""
    from importlib.util import find_spec

    found = find_spec("ipykernel")
    if not (found and found.origin):
        return False
    with open(os.path.join(os.path.dirname(found.origin), "_version.py")) as file:
        version = re.search(r'^__version__ = "([^"]+)"', file.read(), re.MULTILINE)
    told.update(kernel=version and version.group(1), library=found.origin)
    return told["kernel"] in sys.argv[1:]


try:
    if len(sys.argv) == 1 or not known():
        import ipykernel

        told["kernel"] = ipykernel.__version__
        told["library"] = ipykernel.__file__
        from ipykernel.kernelspec import get_kernel_dict

        spec = get_kernel_dict()
        # The rest of it is what this ipykernel can do: a debugger, encryption, its protocol.
        told["spec"] = dict(
            (key, spec[key])
            for key in spec
            if key not in ("argv", "display_name", "language", "env")
        )
except Exception as error:  # the reason belongs to the table, whatever it is
    told["error"] = "%s: %s" % (type(error).__name__, error)  # noqa: UP031
sys.stdout.write("\n" + json.dumps(told) + "\n")
