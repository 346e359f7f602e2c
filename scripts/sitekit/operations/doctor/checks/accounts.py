"""Check the accounts of the site's services, and the Unix groups whose members may log in."""

from __future__ import annotations

import pwd
from collections.abc import Iterator

from ....base.finding import Finding, warning
from ....contracts.gate_config import MIN_UID
from ....machine.checks.preconditions import check_groups, check_prometheus, check_proxys_group
from ....machine.installed import unix_accounts
from ....machine.installed.read_and_restore_path import MACHINE
from ....machine.render.accounts import memberships
from ..check import Subject
from ..context import Context
from .site_file import problems

subject = Subject("accounts", "Accounts and groups")
STRONG = ("root", "sudo", "wheel", "adm", "docker", "disk", "lxd", "shadow")


@subject.check(
    "exist",
    "whether the accounts of hub, proxy and the sshd for tunnels exist",
    "a service without its account does not start",
    "sudo make apply",
    needs=("site.applied",),
    before=("start",),
)
def exist(here: Context) -> Iterator[Finding]:
    for name in here.site.service_accounts:
        if not unix_accounts.has_account(MACHINE, name):
            yield Finding(f"there is no account {name}", "/etc/passwd")


@subject.check(
    "not-root",
    "the user IDs of the services' accounts",
    "hub and proxy must not run as root, and must not have the same account",
    "give each service its own system account in site.yml",
    before=("apply", "start"),
)
def not_root(here: Context) -> Iterator[Finding]:
    owners: dict[int, str] = {}
    for name in here.site.service_accounts:
        if not unix_accounts.has_account(MACHINE, name):
            continue
        uid = unix_accounts.numbers(MACHINE, name)[0]
        if uid == 0:
            yield Finding(f"the account {name} is root (uid 0)", "/etc/passwd")
        elif uid in owners:
            yield Finding(f"{name} and {owners[uid]} have the same uid {uid}", "/etc/passwd")
        owners[uid] = name


@subject.check(
    "no-more-rights",
    "whether the services' accounts are in groups with more rights, such as sudo or docker",
    "an attacker who takes over the service gets the rights of these groups",
    "gpasswd --delete ACCOUNT GROUP",
)
def no_more_rights(here: Context) -> Iterator[Finding]:
    wanted = {
        (wish.user, wish.group) for wish in memberships(here.site, here.platform) if wish.group
    }
    for name in here.site.service_accounts:
        for group in STRONG:
            asked = (name, group) in wanted or not unix_accounts.has_group(MACHINE, group)
            if not asked and unix_accounts.is_member(MACHINE, name, group):
                yield warning(
                    f"{name} is a member of {group}",
                    "/etc/group",
                    f"gpasswd --delete {name} {group}",
                )


@subject.check(
    "memberships",
    "whether the hub's account is in the groups that it needs",
    "without these groups the hub cannot read the proxy's token, or cannot check passwords",
    "sudo make apply",
    needs=("accounts.exist",),
)
def needed_memberships(here: Context) -> Iterator[Finding]:
    for wish in memberships(here.site, here.platform):
        group = wish.group or unix_accounts.group_name(MACHINE, wish.group_of)
        if not unix_accounts.is_member(MACHINE, wish.user, group):
            what = f"{wish.user} is no member of {group}, {wish.why}"
            yield Finding(what, "/etc/group", f"gpasswd --add {wish.user} {group}; sudo make start")


@subject.check(
    "proxy-group",
    "which other accounts are in the group of the proxy's account",
    "a member of this group can read the proxy's token, and redirect every user's browser",
    "groupadd --system NAME; usermod --gid NAME ACCOUNT",
)
def proxy_group(here: Context) -> Iterator[Finding]:
    yield from problems(lambda: check_proxys_group(here.site, MACHINE))


@subject.check(
    "prometheus",
    "the account monitoring.prometheus_user, and its group",
    "its group can read the token of the metrics",
    "give Prometheus a group of its own: usermod --gid NAME ACCOUNT",
    applies=lambda site: site.monitoring.prometheus_user is not None,
)
def prometheus(here: Context) -> Iterator[Finding]:
    yield from problems(lambda: check_prometheus(here.site, MACHINE))


@subject.check(
    "groups",
    "whether the groups in the section `login` of site.yml exist",
    "members of a missing group cannot log in; with a missing admin group nobody can",
    "create the group, or correct its name in the section login",
)
def groups(here: Context) -> Iterator[Finding]:
    yield from problems(lambda: check_groups(here.site, MACHINE))


@subject.check(
    "members",
    "whether login.allowed_groups have members",
    "if the groups are empty, nobody may log in",
    "usermod --append --groups GROUP USER",
    needs=("accounts.groups",),
    applies=lambda site: bool(site.login.allowed_groups) and site.login.method == "pam",
)
def members(here: Context) -> Iterator[Finding]:
    if not _people(here):
        names = ", ".join(here.site.login.allowed_groups)
        yield warning(
            f"{names}: no member is known here; a directory may not list its members",
            "login.allowed_groups",
        )


@subject.check(
    "ordinary-members",
    "the user IDs of the members of login.allowed_groups",
    f"the gate refuses accounts with a uid below {MIN_UID}, and they get no server",
    "give these people an ordinary account",
    follows=("accounts.groups",),
)
def ordinary_members(here: Context) -> Iterator[Finding]:
    for name in sorted(_people(here)):
        if unix_accounts.has_account(MACHINE, name):
            uid = unix_accounts.numbers(MACHINE, name)[0]
            if uid < MIN_UID or name in here.site.service_accounts:
                yield warning(f"{name} (uid {uid}) may log in, and gets no server", "login")


@subject.check(
    "members-exist",
    "whether each member of login.allowed_groups has an account",
    "a name in a group without an account cannot log in, without any message",
    "gpasswd --delete USER GROUP, or create the account",
    follows=("login.directory",),
)
def members_exist(here: Context) -> Iterator[Finding]:
    missing = [
        name for name in sorted(_people(here)) if not unix_accounts.has_account(MACHINE, name)
    ]
    if missing:
        names = ", ".join(missing[:5])
        yield warning(f"{len(missing)} members have no account: {names}", "login.allowed_groups")


@subject.check(
    "one-name-each",
    "accounts with the same user ID as a user of the site",
    "Slurm and file permissions use numbers: two names with one uid have the same rights",
    "give each account its own uid: usermod --uid NUMBER NAME",
    before=("apply",),
)
def one_name_each(here: Context) -> Iterator[Finding]:
    names: dict[int, set[str]] = {}
    for entry in pwd.getpwall():
        names.setdefault(entry.pw_uid, set()).add(entry.pw_name)
    for shared in names.values():
        if len(shared) > 1 and shared & {*_people(here), *here.site.service_accounts}:
            yield warning(f"{' and '.join(sorted(shared))} have one uid", "/etc/passwd")


def _people(here: Context) -> set[str]:
    """Return the members of all groups in login.allowed_groups that exist."""
    groups = here.site.login.allowed_groups
    known = [group for group in groups if unix_accounts.has_group(MACHINE, group)]
    return {name for group in known for name in unix_accounts.members(MACHINE, group)}
