"""The hub's account, taken over: what it can do through sudo and the gate."""

from __future__ import annotations

import base64
import json
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitekit.site import Site

SUDO = ["/usr/bin/sudo", "-n"]
MANY = Path(__file__).parent / "programs" / "many_requests.py"
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
    done = subprocess.run(words, input=data, cwd="/", capture_output=True, timeout=600)
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
    argv = [*SUDO, "-u", user, "--", str(site.libexec / "gate")]
    return as_hub(site, argv, _written(request), environment)


def _written(request: object) -> str | bytes:
    return request if isinstance(request, str | bytes) else json.dumps(request)


def gate_of_each(site: Site, requests: dict[str, Any], user: str = "alice") -> dict[str, Done]:
    """What the gate answers to each request, in a process of its own, as `user`.

    sudo, which passes on what it is given, and the start of Python are left out: they take longer
    than the gate. Every tenth request comes through sudo nevertheless.
    """
    written = {name: _written(request) for name, request in requests.items()}
    sent = [
        base64.b64encode(one if isinstance(one, bytes) else one.encode(errors="surrogatepass"))
        for one in written.values()
    ]
    # the account cannot read the checkout
    argv = ["/usr/bin/python3", "-I", "-B", "-c", MANY.read_text(), str(site.libexec / "gate")]
    told = as_account(user, argv, json.dumps([one.decode() for one in sent]))
    assert (told.code, told.err) == (0, "")
    answers = {
        name: Done(code, _text(out), _text(err))
        for name, (code, out, err) in zip(requests, json.loads(told.out), strict=True)
    }
    for name in [*requests][::10]:
        assert gate(site, requests[name], user) == answers[name], name
    return answers


def _text(sent: str) -> str:
    return base64.b64decode(sent).decode(errors="replace")


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
