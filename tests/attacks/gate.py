"""The hub's account, taken over: what it can do through sudo and the gate."""

from __future__ import annotations

import json
import pwd
import subprocess
from dataclasses import dataclass
from typing import Any

from sitekit.site import Site

SUDO = ["/usr/bin/sudo", "-n"]
CLEAN = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def answer(self) -> dict[str, Any]:
        """What the gate said: one line of JSON, nothing else."""
        assert self.out.count("\n") == 1, (self.out, self.err)
        return json.loads(self.out)


def as_account(
    user: str,
    argv: list[str],
    given: str | bytes = b"",
    environment: dict[str, str] | None = None,
    identity: tuple[str, ...] = (),
) -> Done:
    """Run `argv` as an account of the system, from root, with nothing but `environment`.

    `identity`: other words for setpriv than the account's own user, group and groups.
    """
    account = identity or (
        f"--reuid={user}",
        f"--regid={pwd.getpwnam(user).pw_gid}",
        "--init-groups",
    )
    clean = [
        "/usr/bin/env",
        "-i",
        *(f"{name}={value}" for name, value in (environment or CLEAN).items()),
    ]
    data = given.encode(errors="surrogatepass") if isinstance(given, str) else given
    words = ["/usr/bin/setpriv", *account, "--", *clean, *argv]
    done = subprocess.run(words, input=data, cwd="/", capture_output=True, timeout=100)
    return Done(
        done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )


def as_hub(
    site: Site, argv: list[str], given: str | bytes = b"", environment: dict[str, str] | None = None
) -> Done:
    return as_account(site.hub.user, argv, given, environment)


def gate(
    site: Site, request: object, user: str = "alice", environment: dict[str, str] | None = None
) -> Done:
    """A request as the hub makes it. Text and bytes are sent as they are, anything else as JSON."""
    given = request if isinstance(request, str | bytes) else json.dumps(request)
    return as_hub(site, [*SUDO, "-u", user, "--", str(site.libexec / "gate")], given, environment)


def good(**changes: Any) -> dict[str, Any]:
    """A submit request that the gate serves, with changes; a value of `...` takes the key out."""
    request = {
        "verb": "submit",
        "tag": "a77ac4a77ac4a77a",
        "partitions": "jupyter-short",
        "memory": 200,
        "cpus": 1,
        "minutes": 10,
        "environment": {"JUPYTERHUB_API_URL": "http://127.0.0.1:9/hub/api"},
        **changes,
    }
    return {key: value for key, value in request.items() if value is not ...}
