"""Find the Unix account under which a user's servers run, by `login.accounts` in the site file."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pwd
import re
import signal
import stat
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ...base.errors import shown
from ...base.language import gettext as _
from ...base.language import later as N_
from ...contracts.gate_config import MIN_UID
from ...site import Site
from ...site.sections.login_provider import Accounts
from ..ledger.ledger import Ledger

COMMAND_TIMEOUT = 10.0  # seconds
END_TIMEOUT = 1.0  # seconds
AT_ONCE = 8  # the highest number of programs that run at the same time
MOST_BYTES = 4096  # the length of the longest answer of a program
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}")
ASK = N_("Ask the administrators of this site for one.")
log = logging.getLogger("JupyterHub")


class NoAccount(Exception):
    """Report that a user has no cluster account for servers. The exception's text is shown to the
    user, and contains the reason and the remedy."""


class NotNow(NoAccount):
    """Report that the account cannot be looked up at the moment. The account that was found at the
    user's last login stays valid."""


class AccountMap:
    """Find the cluster account of each user of the hub.

    At a login, the site's setting `login.accounts` determines the account: the user's name, or the
    result of a file, a program or a claim of the provider. Because the ledger records the account,
    a restarted hub can use the recorded account.
    """

    root = 0
    """The uid that must own the file with accounts, or the program that prints accounts."""

    def __init__(
        self,
        site: Site,
        ledger: Ledger,
        entry: Callable[[str], pwd.struct_passwd] = pwd.getpwnam,
    ) -> None:
        self.site, self.ledger, self._entry = site, ledger, entry
        self._read: tuple[object, dict[str, str]] = (None, {})
        self.refused: dict[str, str] = {}
        """The users who have to log in again before a server starts, with the reason for each."""
        self._programs = asyncio.Semaphore(AT_ONCE)

    def of(self, user: str) -> str:
        """Return the Unix account of a user who has logged in.

        Raises NoAccount if the user has no account, or has to log in again. If an administrator, or
        a program with a token, requests a start, JupyterHub itself would start the server even if
        the user has to log in again (handlers/base.py, refresh_auth).
        """
        if why := self.refused.get(user):
            raise NoAccount(_("{user} has to log in again: {why}", user=shown(user), why=why))
        accounts = self.site.login.accounts
        if not isinstance(accounts, Accounts):
            return user
        account = accounts.gateway or self.ledger.account(user)
        if account is None:
            raise NoAccount(
                _(
                    "The account of {user} on the cluster is not known. It is looked up when the user "
                    "logs in: log out, and log in again.",
                    user=shown(user),
                )
            )
        return account

    async def determine(self, user: str, claimed: str = "") -> str:
        """Look up the Unix account of a user who logs in, and record this account.

        `claimed` is the provider's claim with the account, for a site that uses this claim. If the
        user has no Unix account, determine() removes the recorded account and raises NoAccount. If
        the lookup is not possible now, determine() keeps the recorded account and raises NotNow.
        """
        accounts = self.site.login.accounts
        if not isinstance(accounts, Accounts):
            await asyncio.to_thread(self._check, user, user)
            return user
        if accounts.gateway:
            return accounts.gateway
        try:
            if accounts.claim:
                account = self._claimed(accounts.claim, user, claimed)
            elif accounts.command:
                async with self._programs:
                    account = await ask_program(accounts.command, user, self.root)
            else:
                account = await asyncio.to_thread(self._in_file, accounts.file or Path(), user)
            await asyncio.to_thread(self._check, user, account)
        except NotNow:
            raise
        except NoAccount:
            self.ledger.forget_account(user)
            raise
        self.ledger.record_account(user, account)
        return account

    def _claimed(self, claim: str, user: str, claimed: str) -> str:
        """Return the account that the provider's claim names. Raises NoAccount if the claim names
        no account."""
        if not claimed:
            raise NoAccount(
                _(
                    "You have no account on the cluster as {user}: your organization's login did not "
                    "return your {claim} as one name.",
                    user=shown(user),
                    claim=claim,
                )
                + f" {_(ASK)}"
            )
        return claimed

    def _in_file(self, path: Path, user: str) -> str:
        """Return the Unix account in the user's line of the site's file of accounts. Raises
        NoAccount if the file has no account for the user, or NotNow if the file cannot be read."""
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                _check_owner(path, status, self.root)
                version = status.st_ino, status.st_mtime_ns, status.st_size
                if self._read[0] != version:
                    self._read = version, parse(file.read().decode(errors="replace"))
        except OSError as error:
            log.error("The list of accounts, %s, cannot be read: %s", path, error.strerror)
            raise NotNow(
                _("The list of accounts of this site cannot be read now. Tell its administrators.")
            ) from None
        account = self._read[1].get(user)
        if not account:
            raise _no_account(user)
        return account

    def _check(self, user: str, account: str) -> None:
        """Raise NoAccount if servers are not allowed to run as this account."""
        ssh = self.site.slurm.ssh
        own = {"root", *self.site.service_accounts, *({ssh.account} if ssh else ())}
        refused = partial(_refusal, account, user)
        if not NAME.fullmatch(account):
            raise NoAccount(refused(_("it is no name of an account")))
        if account in own:
            raise NoAccount(refused(_("it is an account of the system")))
        if ssh:
            return  # the accounts are on the login node, where the gate checks them
        try:
            entry = self._entry(account)
        except (KeyError, OSError):
            # KeyError is also raised while the directory of accounts does not answer
            raise NotNow(refused(_("there is no such account"))) from None
        if entry.pw_uid < MIN_UID or entry.pw_name in own:
            raise NoAccount(refused(_("it is an account of the system")))
        if entry.pw_name != account:
            why = _("the cluster spells it {name}", name=shown(entry.pw_name))
            raise NoAccount(refused(why))


def _refusal(account: str, user: str, why: str) -> str:
    """Return the text for a user whose servers are not allowed to run as this account."""
    what = _(
        "{account} cannot be the account of {user} on the cluster: {why}.",
        account=shown(account),
        user=shown(user),
        why=why,
    )
    return f"{what} {_(ASK)}"


def _no_account(user: str) -> NoAccount:
    what = _("You have no account on the cluster as {user}.", user=shown(user))
    return NoAccount(f"{what} {_(ASK)}")


def parse(text: str) -> dict[str, str]:
    """Parse a text with lines of `user account`; return the account of each user.

    Lines in another form are ignored. If a user has two lines with different accounts, the result
    for this user is "".
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2:
            log.warning("Line %d of the list of accounts is not `user account`", number)
            continue
        user, account = words
        if user != user.lower():
            log.warning("Line %d of the list of accounts: users' names are in lower case", number)
        found[user] = account if found.get(user, account) == account else ""
    return found


async def ask_program(program: Path, user: str, owner: int = 0) -> str:
    """Run the site's program, and return the account that the program prints for the user. Raises
    NoAccount if the program ends with an error, or does not print exactly one word. Raises NotNow
    if the program cannot be run, or does not answer in time.

    The user's name is the only argument, and no shell is used. The program does not get the hub's
    environment variables. The exit code EX_TEMPFAIL (75) means that the program cannot find the
    account at the moment.
    """
    sorry = _("The account on the cluster could not be looked up now. Try again in a few minutes.")
    pipe = asyncio.subprocess.PIPE
    try:
        _check_owner(program, program.stat(), owner)
        process = await asyncio.create_subprocess_exec(
            *(program, user), stdin=asyncio.subprocess.DEVNULL, stdout=pipe,
            stderr=asyncio.subprocess.DEVNULL, cwd="/", start_new_session=True,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
        )  # fmt: skip
    except (OSError, ValueError) as error:
        log.error("The program for accounts, %s, cannot be run: %s", program, error)
        raise NotNow(sorry) from None
    printed = None
    try:
        printed = await asyncio.wait_for(_answer(process), COMMAND_TIMEOUT)
    except (TimeoutError, asyncio.TimeoutError):
        log.error("The program for accounts, %s, did not answer", program)
        raise NotNow(sorry) from None
    finally:
        if printed is None:
            await end(process)
    if process.returncode == os.EX_TEMPFAIL:
        raise NotNow(sorry)
    words = (printed or b"").decode(errors="replace").split()
    if process.returncode or len(words) != 1:
        raise _no_account(user)
    return words[0]


async def _answer(process: asyncio.subprocess.Process) -> bytes | None:
    """Wait until a program ends, and return everything that it has printed; None if the text is too
    long.

    Because the first part of a text that is too long could be the name of another account, no part
    of the text is returned.
    """
    assert process.stdout is not None  # noqa: S101  (a pipe)
    printed = b""
    while part := await process.stdout.read(MOST_BYTES):
        printed += part
        if len(printed) > MOST_BYTES:
            return None
    await process.wait()
    return printed


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill a program that does not end, and all processes that the program has started."""
    with contextlib.suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
        await asyncio.wait_for(process.communicate(), END_TIMEOUT)


def _check_owner(path: Path, status: os.stat_result, owner: int) -> None:
    """Raise NotNow if an account other than root can write to the file."""
    if status.st_uid != owner or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        log.error(
            "Accounts other than root can write to %s: chown root %s; chmod go-w %s", *[path] * 3
        )
        raise NotNow(
            _("Other accounts can change this site's list of accounts. Tell the administrators.")
        )
