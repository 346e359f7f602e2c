"""Print the version of this Python and of its ipykernel, as one line of JSON.

The Python of a module runs this program, whatever its version. The arguments are versions of
ipykernel whose "spec" is known already. Such an ipykernel is not imported, because the import takes
most of the time. Types are written in comments, because older Pythons do not know annotations.
"""

import json
import os
import re
import sys

answer = {
    "version": "%d.%d.%d" % sys.version_info[:3],  # noqa: UP031
    "interpreter": sys.executable,
    "libraries": [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))],
}  # type: dict[str, object]


def known():
    # type: () -> bool
    """Return whether the installed ipykernel is of a version that the arguments name.

    Adds the ipykernel's version and path to the answer.
    """
    from importlib.util import find_spec

    package = find_spec("ipykernel")
    if not (package and package.origin):
        return False
    with open(os.path.join(os.path.dirname(package.origin), "_version.py")) as file:
        version = re.search(r'^__version__ = "([^"]+)"', file.read(), re.MULTILINE)
    answer.update(kernel=version and version.group(1), library=package.origin)
    return answer["kernel"] in sys.argv[1:]


try:
    if len(sys.argv) == 1 or not known():
        import ipykernel

        answer["kernel"] = ipykernel.__version__
        answer["library"] = ipykernel.__file__
        from ipykernel.kernelspec import get_kernel_dict

        spec = get_kernel_dict()
        # The other keys describe the abilities of this ipykernel: a debugger, encryption, and the
        # version of its protocol.
        answer["spec"] = dict(
            (key, spec[key])
            for key in spec
            if key not in ("argv", "display_name", "language", "env")
        )
except Exception as error:  # the table of `make kernels` shows the reason, whatever it is
    answer["error"] = "%s: %s" % (type(error).__name__, error)  # noqa: UP031
sys.stdout.write("\n" + json.dumps(answer) + "\n")
