"""Run Slurm's queries and the gate on a login node, by OpenSSH's client.

sshd on the login node always runs the gate, and ignores the command line that the client sends
(sshd_config(5), ForceCommand). Because the gate reads one request from standard input, tokens of
servers are never on a command line. For queries, the hub logs in as the account
`slurm.ssh.account`, with the hub's own key. To submit or cancel a job, the hub logs in as the
user's account, with a certificate for this account (ssh_certificates.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from weakref import WeakKeyDictionary

from ...site import Site
from ..start_and_job_records import NoAnswer
from . import ssh_files as ssh
from .run_local_program import ANSWER, ENVIRONMENT, Answer, run_program
from .ssh_certificates import certificate_of

log = logging.getLogger(__name__)

SSH = "/usr/bin/ssh"
FAILED = 255  # exit code of ssh if ssh itself fails; the exit code of the gate is 0 or 1
# The most sessions at the same time: for queries, for the requests of all users together, and for
# the requests of one account. sshd accepts 10 sessions in one connection (sshd_config(5),
# MaxSessions), and 10 connections whose login has not ended (MaxStartups).
QUERIES, REQUESTS, OF_ONE = 5, 5, 2
# The first and the longest pause before a new connection, in seconds.
RECONNECT, RECONNECT_LIMIT = 1.0, 15.0

_sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, ...], asyncio.Semaphore]]
_sessions = WeakKeyDictionary()
"""The sessions that are free, for each kind of request.

The gate runs as a user. This user can stop the gate's process, which then occupies a session until
the timeout. Therefore queries have sessions of their own, and one account can never occupy all
sessions.
"""


class Ssh:
    """Run programs on the login node: the gate as `account` or, if `account` is empty, Slurm's
    queries."""

    name = "the login node"

    def __init__(self, site: Site, account: str = "") -> None:
        self._site, self._account = site, account

    async def run(
        self,
        argv: Sequence[str],
        stdin: str = "",
        timeout: float = 8,
        most: int = ANSWER,
        ended: Callable[[], None] = lambda: None,
    ) -> Answer:
        """Run the gate under the user's account with the request `stdin`, or run the query of Slurm
        in `argv`. For a query, only the name of the program in `argv` is sent, not its path. Raises
        NoAnswer.
        """
        if self._account:
            return await self._send(self._account, stdin, timeout, most, ended)
        assert self._site.slurm.ssh is not None, "transport() checks it"  # noqa: S101
        request = {"verb": "query", "program": Path(argv[0]).name, "words": list(argv[1:])}
        answer = await self._send(
            self._site.slurm.ssh.account, json.dumps(request), timeout, most, ended
        )
        return _answer_of_query(answer)

    def as_user(self, account: str) -> Ssh:
        return Ssh(self._site, account)

    async def _send(
        self, account: str, request: str, timeout: float, most: int, ended: Callable[[], None]
    ) -> Answer:
        """Run the gate once as `account`. Raises NoAnswer if the login node cannot be reached."""
        started = False
        try:
            async with self._session():
                words = await self._words(account)
                started = True  # from here on, run_program() calls `ended`
                answer = await run_program(words, ENVIRONMENT, request, timeout, most, ended)
        except BaseException:
            if not started:
                ended()
            raise
        # If sshd refuses the login, the caller reports that the gate did not answer.
        if answer.code == FAILED and not answer.out and "Permission denied" not in answer.err:
            raise NoAnswer(f"the login node cannot be reached: {answer.err[-500:]}")
        return answer

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[None]:
        """Wait until the limit allows one more SSH session, and count this session while the `with`
        block runs."""
        if not self._account:
            async with _limit(("queries",), QUERIES):
                yield
            return
        # with `login.accounts.gateway`, the requests of all users have the same account
        most = REQUESTS if self._site.login.gateway else OF_ONE
        async with _limit(("account", self._account), most), _limit(("users",), REQUESTS):
            yield

    async def _words(self, account: str) -> list[str]:
        """Return the command line of ssh. Raises NoAnswer if the certificate for the account cannot
        be created."""
        assert self._site.slurm.ssh is not None, "transport() checks it"  # noqa: S101
        words = client(self._site)
        if account != self._site.slurm.ssh.account:
            certificate = await certificate_of(self._site, account)
            words += ["-l", account, "-o", f"CertificateFile={certificate}"]
        return [*words, ssh.HOST]


def _limit(kind: tuple[str, ...], most: int) -> asyncio.Semaphore:
    """Return the semaphore that limits the number of simultaneous SSH sessions of this kind to
    `most`."""
    kinds = _sessions.setdefault(asyncio.get_running_loop(), {})
    return kinds.setdefault(kind, asyncio.Semaphore(most))


def client(site: Site) -> list[str]:
    """Return the command line of ssh that uses only the site's ssh_config, and no other
    configuration."""
    return [SSH, "-F", str(ssh.config(site))]


def _answer_of_query(answer: Answer) -> Answer:
    """Return the output of the query that the gate ran on the login node. Raises NoAnswer if the
    gate did not run the query.
    """
    try:
        reply = json.loads(answer.out)
        if reply["ok"] is True:
            return Answer(int(reply["code"]), str(reply["out"]), str(reply["err"]).strip())
        error = str(reply["error"])
    except (ValueError, TypeError, KeyError, RecursionError):
        error = answer.err or "the answer is no answer of the gate"
    raise NoAnswer(f"the gate on the login node did not run a query: {error[-500:]}")


async def keep_connected(site: Site) -> None:
    """Keep one SSH connection to the login node open until this task is cancelled. All queries use
    this connection.
    """
    delay = RECONNECT
    while True:
        began = time.monotonic()
        error = await _connection(site)
        if time.monotonic() - began > RECONNECT_LIMIT:
            delay = RECONNECT
        log.warning(
            "The connection to the login node has ended; servers are not affected. "
            "The hub connects again in %.0f s. %s",
            delay,
            error,
        )
        await asyncio.sleep(delay)
        delay = min(RECONNECT_LIMIT, 2 * delay)


async def _connection(site: Site) -> str:
    """Open the shared SSH connection, wait until it ends, and return ssh's error message. A shared
    connection of an earlier hub is closed after the last request on this connection.
    """
    with contextlib.suppress(NoAnswer):
        await run_program([*client(site), "-O", "stop", ssh.HOST], ENVIRONMENT)
    process = await asyncio.create_subprocess_exec(
        *client(site),
        *("-M", "-N", "-o", "ControlPersist=no", ssh.HOST),
        env=ENVIRONMENT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, error = await process.communicate()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    return error.decode(errors="replace").strip()[-500:]
