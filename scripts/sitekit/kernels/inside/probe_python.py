"""Run by a module's own Python, of any version: what it is, and which ipykernel it would start. One line of JSON."""

import json
import sys

told = {
    "version": "%d.%d.%d" % sys.version_info[:3],  # noqa: UP031
    "interpreter": sys.executable,
    "libraries": [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))],
}
try:
    import ipykernel

    told["kernel"] = ipykernel.__version__
    told["library"] = ipykernel.__file__
    from ipykernel.kernelspec import get_kernel_dict

    spec = get_kernel_dict()
    # The rest of it is what this ipykernel can do: a debugger, encryption, its protocol.
    told["spec"] = dict((key, spec[key]) for key in spec if key not in ("argv", "display_name", "language", "env"))
except Exception as error:  # the reason belongs to the table, whatever it is
    told["error"] = "%s: %s" % (type(error).__name__, error)  # noqa: UP031
sys.stdout.write("\n" + json.dumps(told) + "\n")
