"""Check that the supervisor runs each of the site's services, and that each service answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ....base.finding import Finding, warning
from ....base.run_program import run
from ....machine.render.services_of_site import site_services
from ....machine.render.timers import timers
from ....machine.run.report_page_isolation import kept_apart
from ....machine.supervisors.check_services_answer import hub_answers, listens_as, proxy_answers
from ....machine.supervisors.control import which_supervisor
from ....machine.supervisors.interface import State
from ....machine.supervisors.systemd import UNITS
from ....machine.web import system_server
from ....machine.web.config import server
from ....site import Site
from ..check import Subject
from ..context import Context, Unanswered

subject = Subject("services", "Services")
RELEASE = ("release.current", "release.seen-by-hub", "release.runs", "system.run-space")


def _systemd(site: Site) -> bool:
    return site.supervisor == "systemd"


@subject.check(
    "supervisor",
    "whether the supervisor that site.yml names runs",
    "the supervisor starts the services, and restarts them after a fault or a boot",
    "`supervisor: supervisord` in site.yml, if systemd is not PID 1",
    needs=("site.applied",),
)
def supervisor(here: Context) -> Iterator[Finding]:
    if here.applied.supervisor == "systemd" and which_supervisor() != "systemd":
        yield Finding("systemd is not PID 1 on this machine", "supervisor")
    elif here.root and all(
        "supervisord is not running" in one.detail for one in here.states.values()
    ):
        yield Finding("supervisord does not run", "supervisor", "sudo make start")


def _runs(here: Context, part: str) -> Iterator[Finding]:
    """Yield an error if a service does not run. If the service has failed, the error contains the
    last line of its log."""
    state = here.states.get(part, State("stopped", "unknown to the supervisor"))
    if state.word in ("running", "starting") and state.pid is not None:
        return
    name = here.applied.service(part)
    what = f"it does not run: {state.detail}"
    if state.word in ("failed", "starting") and here.root:
        what += f"; its log ends with: {_last_line(here, name)}"
    yield Finding(what, name, f"sudo make start; journalctl --unit {name}")


def _last_line(here: Context, name: str) -> str:
    """Return the last line of a service's log."""
    if here.applied.supervisor != "systemd":
        return f"see {here.applied.log}"
    words = ["--unit", name, "--lines=1", "--no-pager", "--output=cat"]
    said = run(["journalctl", *words], check=False, timeout=5 * here.patience).stdout
    return said.strip() or "nothing"


@subject.check(
    "proxy",
    "whether the proxy runs",
    "each request goes through the proxy; without the proxy no page opens",
    "sudo make start",
    needs=("services.supervisor",),
    follows=(*RELEASE, "release.proxy-runs", "accounts.exist", "network.ports", "files.missing",
             "security.service-secrets"),
)  # fmt: skip
def proxy(here: Context) -> Iterator[Finding]:
    yield from _runs(here, "proxy")


@subject.check(
    "hub",
    "whether the hub runs",
    "without the hub nobody can log in or start a server; running servers continue",
    "sudo make start",
    needs=("services.supervisor",),
    follows=(
        *RELEASE,
        "accounts.exist",
        "accounts.memberships",
        "state.folder",
        "state.space",
        "state.local",
        "state.owner",
        "state.files",
        "state.cookie-secret",
        "state.database",
        "state.ledger",
        "site.applied-readable",
        "network.hub-address",
        "network.ports",
        "files.missing",
        "files.edited",
        "security.service-secrets",
    ),
)
def hub(here: Context) -> Iterator[Finding]:
    yield from _runs(here, "hub")


@subject.check(
    "front",
    "whether the web server runs",
    "users' browsers connect to the web server",
    "sudo make start; or start the machine's own web server",
    needs=("services.supervisor",),
    follows=("network.ports", "front.config", "front.certificate-files", "files.missing",
             "state.logs"),
)  # fmt: skip
def front(here: Context) -> Iterator[Finding]:
    if here.applied.front.instance == "own":
        yield from _runs(here, "front")
        return
    web = server(here.applied, here.platform)
    state = system_server.state(web)
    if state.word != "running":
        what = f"the machine's web server does not run: {state.detail}"
        yield Finding(what, web.service, f"systemctl enable --now {web.service}")


@subject.check(
    "tunnel",
    "whether the site's own sshd for tunnels runs",
    "without this sshd the hub cannot connect to any server",
    "sudo make start",
    needs=("services.supervisor",),
    follows=("network.ports",),
    applies=lambda site: site.tunnel is not None,
)
def tunnel(here: Context) -> Iterator[Finding]:
    yield from _runs(here, "tunnel")


def _answers(here: Context, part: str, answers: Callable[[Site], bool]) -> Iterator[Finding]:
    """Yield an error if a service runs but does not answer requests. `answers` is the function that
    sends a request."""
    state = here.states.get(part)
    if state is None or state.pid is None:
        raise Unanswered(f"the {part} does not run")
    if not answers(here.applied):
        name = here.applied.service(part)
        yield Finding(f"it runs ({state.detail}), and does not answer", name)


@subject.check(
    "proxy-answers",
    "whether the proxy's API accepts the hub's token and lists its routes",
    "the hub cannot add a route for a new server",
    "sudo make start; if it stays so: sudo make rotate_secrets",
    needs=("services.proxy",),
    follows=("network.ports", "files.edited", "services.proxy-ports", "security.token"),
    root=True,
)
def proxy_is_there(here: Context) -> Iterator[Finding]:
    yield from _answers(here, "proxy", proxy_answers)


@subject.check(
    "proxy-ports",
    "which account listens at the proxy's ports",
    "a program of another account there gets users' requests, and the hub's token",
    "stop that program; sudo make start",
    needs=("services.proxy",),
    follows=("network.ports",),
)
def proxy_ports(here: Context) -> Iterator[Finding]:
    site = here.applied
    for key, port in (("proxy.port", site.proxy.port), ("proxy.api_port", site.proxy.api_port)):
        if not listens_as(port, site.proxy.user):
            yield Finding(f"port {port} is not that of {site.proxy.user}", key)


@subject.check(
    "hub-answers",
    "whether JupyterHub's API returns its version",
    "a hub that runs but does not answer hangs, or is still starting",
    "journalctl --unit sitekit-NAME-hub; sudo make start",
    needs=("services.hub",),
    follows=("state.database", "state.space", "network.ports", "network.hub-address",
             "engines.network", "engines.service"),
    root=True,
)  # fmt: skip
def hub_is_there(here: Context) -> Iterator[Finding]:
    yield from _answers(here, "hub", hub_answers)


@subject.check(
    "restarts",
    "how often the supervisor restarted each service",
    "a service that ends by itself again and again interrupts users each time",
    "journalctl --unit NAME",
    needs=("services.supervisor",),
    follows=("services.hub", "services.proxy", "services.front"),
    applies=_systemd,
)
def restarts(here: Context) -> Iterator[Finding]:
    for part, state in here.states.items():
        if state.attempt.isdigit() and int(state.attempt) > 3:
            yield warning(f"it was restarted {state.attempt} times", here.applied.service(part))


@subject.check(
    "at-boot",
    "whether the services start at boot",
    "otherwise the site does not run after the next boot of this machine",
    "systemctl enable NAME, or: sudo make start",
    needs=("services.supervisor", "site.applied"),
    applies=_systemd,
)
def at_boot(here: Context) -> Iterator[Finding]:
    names = [service.name for service in site_services(here.applied, here.platform)]
    units = [f"{name}.service" for name in names]
    said = run(
        ["systemctl", "is-enabled", *units], check=False, timeout=8 * here.patience
    ).stdout.split("\n")
    for name, word in zip(names, said, strict=False):
        if word in ("disabled", "masked", "masked-runtime"):
            yield warning(
                f"it is {word}", name, f"systemctl unmask {name}; systemctl enable {name}"
            )


@subject.check(
    "units-read",
    "whether systemd has read the site's units and their drop-ins after their last change",
    "systemd still uses the old unit",
    "systemctl daemon-reload; sudo make start",
    needs=("services.supervisor", "site.applied"),
    applies=_systemd,
)
def units_read(here: Context) -> Iterator[Finding]:
    for service in site_services(here.applied, here.platform):
        words = ["show", "--property=NeedDaemonReload", "--value", f"{service.name}.service"]
        if (
            run(["systemctl", *words], check=False, timeout=8 * here.patience).stdout.strip()
            == "yes"
        ):
            yield warning("systemd has not read the unit as it is now", service.name)


@subject.check(
    "timers",
    "whether the timers for kernels, backup and certificate run",
    "without these timers broken kernels and old certificates are not reported, and no backup is made",
    "systemctl start TIMER, or: sudo make start",
    needs=("services.supervisor", "site.applied"),
    follows=("services.hub", "files.missing"),
    applies=_systemd,
)
def run_daily(here: Context) -> Iterator[Finding]:
    units = [unit for unit in timers(here.applied) if (UNITS / unit).exists()]
    said = run(
        ["systemctl", "is-active", *units], check=False, timeout=8 * here.patience
    ).stdout.split("\n")
    for unit, word in zip(units, said, strict=False):
        if word != "active":
            yield warning(f"it is {word}", unit, f"systemctl start {unit}")


@subject.check(
    "failed-tasks",
    "the results of the daily tasks",
    "if a backup failed, it is missing when it is needed; if a test of kernels failed, broken kernels stay",
    "journalctl --unit NAME",
    needs=("services.supervisor", "site.applied"),
    applies=_systemd,
)
def failed_tasks(here: Context) -> Iterator[Finding]:
    for part in ("backup", "kernels", "certificate", "renewal"):
        unit = f"{here.applied.service(part)}.service"
        said = run(
            ["systemctl", "is-failed", unit], check=False, timeout=8 * here.patience
        ).stdout.strip()
        if said == "failed":
            yield warning("its last run failed", unit, f"journalctl --unit {unit}")


@subject.check(
    "pages-apart",
    "how the running proxy keeps pages of different users apart",
    "if all pages are on one domain, a page of one user could act with another user's login",
    "sudo make apply start",
    needs=("services.proxy",),
    follows=("files.edited", "site.same-as-applied"),
    root=True,
)
def pages_apart(here: Context) -> Iterator[Finding]:
    well, told = kept_apart(here.applied, here.states["proxy"])
    if not well:
        yield Finding(told.partition(" -> ")[0], here.applied.service("proxy"))
