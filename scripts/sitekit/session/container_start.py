"""Start the session (the user's server) inside a container. The image's own Python runs this file.

container_start.py imports only the standard library until it has found sitekit's package in its own
folder.
"""

from __future__ import annotations

import base64
import json
import os
import sys

SENT = "SITEKIT_ENVIRONMENT"
"""The variable with the server's whole environment, as JSON in base64.

One variable without special characters is the same for all engines. Some engines interpret `$` or
quotes in the values of variables.
"""

STEERING = ("JUPYTER", "JPY_", "PYTHON", "IPYTHON", "SITEKIT")
"""Prefixes of environment variables that decide what Jupyter runs. An image's own values are not
used."""


def take_environment() -> None:
    """Set the environment variables of the job in this process; keep the image's other
    variables."""
    sent = json.loads(base64.b64decode(os.environ[SENT]))
    for name in list(os.environ):
        if name.startswith(STEERING):
            del os.environ[name]
    os.environ.update(sent)


if __name__ == "__main__":
    take_environment()
    os.chdir(os.environ["HOME"])
    # Python's option -I leaves this file's folder out
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    from sitekit.session.single_user import main

    main()
