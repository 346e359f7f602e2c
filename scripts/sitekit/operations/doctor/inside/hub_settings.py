"""Load the JupyterHub configuration, and print as JSON the settings that the doctor checks.

The argument is the path of the configuration. The program loads the configuration as JupyterHub
does, without opening the hub's database.
"""

from __future__ import annotations

import json
import sys

from jupyterhub.app import JupyterHub
from traitlets.config import PyFileConfigLoader

app = JupyterHub(config=PyFileConfigLoader(sys.argv[1]).load_config())


def names(kind: type) -> list[str]:
    """Return the names of a class and of its base classes, with their modules."""
    return [f"{one.__module__}.{one.__name__}" for one in kind.__mro__]


told = {
    "spawner": names(app.spawner_class),
    "login": names(app.authenticator_class),
    "proxy": names(app.proxy_class),
    "database": app.db_url,
    "services": len(app.services),
    "templates": [str(path) for path in app.template_paths],
}
print("\n" + json.dumps(told))
