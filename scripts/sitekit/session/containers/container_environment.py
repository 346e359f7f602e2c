"""Set the environment variables of the user's server inside a container.

The container program passes all variables of the server in one variable (container.py).
"""

from __future__ import annotations

import base64
import json
import os

SENT = "SITEKIT_ENVIRONMENT"
"""The variable with the server's whole environment, as JSON in base64.

The base64 text has no special characters. Therefore all engines pass the text unchanged. Some
engines interpret `$` or quotes in the values of variables.
"""

STEERING = ("JUPYTER", "JPY_", "PYTHON", "IPYTHON", "SITEKIT")
"""Prefixes of environment variables that decide what Jupyter runs. An image's own values are not
used."""


def take_environment() -> None:
    """Set the job's environment variables in this process. The image's own variables are kept,
    except the variables whose names begin with a prefix in STEERING."""
    sent = json.loads(base64.b64decode(os.environ[SENT]))
    for name in list(os.environ):
        if name.startswith(STEERING):
            del os.environ[name]
    os.environ.update(sent)
