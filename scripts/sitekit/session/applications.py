"""Tell jupyter-server-proxy how to start the site's applications, each on a Unix socket.

Because the sockets are in the job's runtime folder of mode 0700, other users of the node cannot
reach the applications.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

MODULE = "sitekit.session.start_application"
RUN = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    f"from {MODULE} import main; main(sys.argv[1:])"
)
"""The Python code that runs the module from this server's sitekit. `python -I -m` would search for
the module only in the release."""

_settings: dict[str, Any] = {}


def take(settings: dict[str, Any]) -> None:
    """Store the settings of this server until jupyter-server-proxy is loaded."""
    _settings.update(settings)


def digest(application: dict[str, Any]) -> str:
    """Return a digest of the application's settings. If a setting was changed after the
    application's test, the digest differs from the stored digest of the test."""
    return hashlib.sha256(json.dumps(application, sort_keys=True).encode()).hexdigest()


def offered() -> dict[str, dict[str, Any]]:
    """Return the value of jupyter-server-proxy's option `servers`: the settings of each tested
    application, by name.

    Because the names begin with `app-`, the URL of an application is never the URL of one of the
    server's own pages.
    """
    found = {}
    tested = read_tested(_settings.get("tested_applications", ""))
    for place, one in enumerate(_settings.get("applications", ())):
        if tested.get(one["key"]) == digest(one):
            socket = os.path.join(os.environ["JUPYTER_RUNTIME_DIR"], f"a-{place}")
            name = f"app-{one['key']}"
            base_url = f"{os.environ['JUPYTERHUB_SERVICE_PREFIX']}{name}/"
            found[name] = entry(one, socket, base_url)
        else:
            print(
                f"sitekit: the application {one['key']} was not tested with these settings, and is "
                "not offered; run: make applications_check",
                flush=True,
            )
    return found


def entry(application: dict[str, Any], socket: str, base_url: str) -> dict[str, Any]:
    """Return the settings of one application for jupyter-server-proxy's option `servers`."""
    launcher = {"enabled": True, "title": application["title"], "category": "Applications"}
    if application["icon"]:
        launcher["icon_path"] = application["icon"]
    # jupyter-server-proxy replaces names in braces
    folder = str(Path(__file__).parents[2])
    command = [sys.executable, "-I", "-c", RUN, folder, *arguments(application, socket, base_url)]
    words = [word.replace("{", "{{").replace("}", "}}") for word in command]
    return {
        "command": words,
        "unix_socket": socket,
        "timeout": application["timeout"],
        "absolute_url": application["keep_path"],
        "launcher_entry": launcher,
        "new_browser_tab": True,
    }


def arguments(application: dict[str, Any], socket: str, base_url: str) -> list[str]:
    """Return the arguments of start_application.py, with the values of {socket} and {base_url}.
    `make applications_check` calls this function too."""
    values = {"{socket}": socket, "{base_url}": base_url}
    command = []
    for word in application["command"]:
        for name, value in values.items():
            word = word.replace(name, value)
        command.append(word)
    return [socket, ":".join(application["modules"]), *command]


def read_tested(path: str) -> dict[str, str]:
    """Read the digests of the tested applications from a file, and return them by the applications'
    keys. If the file is missing or invalid, return {}."""
    try:
        read = json.loads(Path(path).read_text())
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}
