"""Print the version of this Python, and the version and path of the ipykernel that this Python
would start, as a line of JSON.

A module's own Python, of any version, runs this program. The program's arguments are versions of
ipykernel whose "spec" is already known. If one of these versions is installed, the program does not
need the slow import of ipykernel. Types are in comments, because old versions of Python do not
support type annotations.
"""

import json
import os
import re
import sys

report = {
    "version": "%d.%d.%d" % sys.version_info[:3],  # noqa: UP031
    "interpreter": sys.executable,
    "libraries": [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))],
}  # type: dict[str, object]


def known():
    # type: () -> bool
    """Return whether an ipykernel of a known version is installed. Add the version of the installed
    ipykernel to the report."""
    from importlib.util import find_spec

    found = find_spec("ipykernel")
    if not (found and found.origin):
        return False
    with open(os.path.join(os.path.dirname(found.origin), "_version.py")) as file:
        version = re.search(r'^__version__ = "([^"]+)"', file.read(), re.MULTILINE)
    report.update(kernel=version and version.group(1), library=found.origin)
    return report["kernel"] in sys.argv[1:]


try:
    if len(sys.argv) == 1 or not known():
        import ipykernel

        report["kernel"] = ipykernel.__version__
        report["library"] = ipykernel.__file__
        from ipykernel.kernelspec import get_kernel_dict

        spec = get_kernel_dict()
        # The other keys describe features of this ipykernel, such as a debugger, encryption and the
        # protocol.
        report["spec"] = dict(
            (key, spec[key])
            for key in spec
            if key not in ("argv", "display_name", "language", "env")
        )
except Exception as error:  # every reason is shown in the table
    report["error"] = "%s: %s" % (type(error).__name__, error)  # noqa: UP031
sys.stdout.write("\n" + json.dumps(report) + "\n")
