"""Units are killed, starved, frozen and restarted, and the machine is rebooted: what has to come
back does so by itself, and servers that run notice nothing of it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import websocket

from sitekit.demo.cluster.paths_and_ports import demo_site
from sitekit.site.show import dump

from ..chain.test_chain import python_of
from ..conftest import CHECKOUT, Demo
from ..person import Kernel, Person
from ..slurm import until
from .booted import Booted

HUB, PROXY, FRONT = (f"sitekit-demo-{part}.service" for part in ("hub", "proxy", "front"))
PARTS = {HUB: "hub", PROXY: "proxy"}


class Notebook:
    """alice's, in a server that she started before all of it."""

    def __init__(self, person: Person) -> None:
        assert person.login().url.path != "/hub/login"
        assert person.start("small")[-1].get("ready")
        self.person, self.kernel = person, person.kernel(python_of(person))
        assert self.kernel.run("import os; kept = os.getpid()") == ""
        self.process = self.kernel.run("print(kept)")

    def goes_on(self) -> bool:
        """Through a new connection, by web server and proxy; and the hub knows the server."""
        # ValueError: a page in the place of JSON, while the hub starts
        silence = (httpx.TransportError, websocket.WebSocketException, OSError, ValueError)
        with contextlib.suppress(*silence):
            again = Kernel(self.person, self.kernel.id, f"/user/{self.person.name}/")
            try:
                server = self.person.server() or {}
                return again.run("print(os.getpid())") == self.process and server.get(
                    "ready", False
                )
            finally:
                again.close()
        return False


@pytest.fixture(scope="module")
def notebook(machine: Booted, demo: Demo) -> Iterator[Notebook]:
    with demo.person("alice") as alice:
        yield Notebook(alice)


def came_back(machine: Booted, unit: str, before: int) -> bool:
    return (
        machine.main_pid(unit) not in (0, before) and machine.shown(unit, "ActiveState") == "active"
    )


def test_make_demo_has_made_units_of_all_of_it(machine: Booted) -> None:
    asked = ("systemctl", "is-system-running")
    until(lambda: machine.run(*asked, check=False).stdout == "running\n")
    for unit in (HUB, PROXY, FRONT, "sitekit-demo-slurmctld.service"):
        assert machine.shown(unit, "ActiveState") == "active"
    assert machine.shown(HUB, "Type") == "notify"


def test_the_sandboxes_are_in_force(machine: Booted) -> None:
    """By the kernel's word. The hub may still use sudo; the proxy and its children may become
    nobody else."""
    status = {
        unit: machine.run("cat", f"/proc/{machine.main_pid(unit)}/status").stdout
        for unit in (HUB, PROXY)
    }
    assert (
        "NoNewPrivs:\t1" in status[PROXY]
        and "Seccomp:\t2" in status[PROXY]
        and "NoNewPrivs:\t0" in status[HUB]
    )
    assert f"CapBnd:\t{0:016x}" in status[PROXY] and f"CapEff:\t{0:016x}" in status[HUB]
    for unit, path in ((PROXY, "/var/lib"), (PROXY, "/etc"), (HUB, "/etc"), (HUB, "/usr")):
        mounts = machine.run("cat", f"/proc/{machine.main_pid(unit)}/mountinfo").stdout.splitlines()
        assert not writable(mounts, path), f"{unit} sees {path} writable"


def writable(mounts: list[str], path: str) -> bool:
    """Whether the mount that holds `path` is: proc(5), mountinfo. Of two in one place the later one
    counts."""
    holding = [line.split()[4:6] for line in mounts if Path(path).is_relative_to(line.split()[4])]
    return "ro" not in sorted(holding, key=lambda found: len(found[0]))[-1][1].split(",")


def test_a_killed_hub_comes_back_and_the_proxy_is_not_touched(
    machine: Booted, notebook: Notebook
) -> None:
    hub, proxy = machine.main_pid(HUB), machine.main_pid(PROXY)
    machine.systemctl("kill", "--signal=KILL", "--kill-who=main", HUB)
    until(lambda: came_back(machine, HUB, hub), 300)
    until(notebook.goes_on, 300)
    assert machine.main_pid(PROXY) == proxy


def test_a_killed_proxy_gets_its_routes_back(machine: Booted, notebook: Notebook) -> None:
    hub, proxy = machine.main_pid(HUB), machine.main_pid(PROXY)
    machine.systemctl("kill", "--signal=KILL", "--kill-who=main", PROXY)
    until(lambda: came_back(machine, PROXY, proxy), 300)
    until(notebook.goes_on, 300)
    assert machine.main_pid(HUB) == hub


def test_restarts_touch_no_server(machine: Booted, notebook: Notebook) -> None:
    for unit in (
        HUB,
        PROXY,
        FRONT,
        "sitekit-demo-slurmctld.service",
        "sitekit-demo-slurmd-demo1.service",
    ):
        machine.systemctl("restart", unit)
    until(notebook.goes_on, 300)


def test_a_hub_that_eats_memory_is_ended_alone(machine: Booted, notebook: Notebook) -> None:
    assert int(machine.shown(HUB, "MemoryMax")) == 4 << 30
    machine.systemctl("set-property", "--runtime", HUB, "MemoryMax=600M")
    hub = machine.main_pid(HUB)
    machine.systemctl("kill", "--signal=ALRM", "--kill-who=main", HUB)
    until(lambda: came_back(machine, HUB, hub), 300)
    assert machine.shown(HUB, "NRestarts") == "1"
    until(notebook.goes_on, 300)


def test_a_hub_that_hangs_is_ended_and_the_journal_says_where(
    machine: Booted, notebook: Notebook
) -> None:
    assert machine.shown(HUB, "WatchdogUSec") == "1min"
    folder = f"/run/systemd/system/{HUB}.d"
    machine.run(
        "sh",
        "-c",
        f"mkdir -p {folder} && printf '[Service]\\nWatchdogSec=4\\n' >{folder}/sooner.conf",
    )
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", HUB)
    for how in ("USR2", "STOP"):  # its event loop alone, and all of it
        # on a busy machine, so short a watchdog may also end a hub that starts
        until(lambda: came_back(machine, HUB, 0), 300)
        hub = machine.main_pid(HUB)
        machine.systemctl("kill", f"--signal={how}", "--kill-who=main", HUB)
        until(lambda before=hub: came_back(machine, HUB, before), 300)
    until(notebook.goes_on, 300)
    journal = ("journalctl", "--unit", HUB, "--output=cat", "--no-pager")
    hang = r'hurt\.py", line \d+ in hang'
    until(lambda: re.search(hang, machine.run(*journal).stdout))


def pause(machine: Booted, file: str) -> int:
    """The pause before the next start of a service, in seconds; 0 before the first pause."""
    return int(machine.run("cat", file, check=False).stdout or 0)


def test_what_a_service_lacks_comes_back_and_so_does_the_service(
    machine: Booted, notebook: Notebook
) -> None:
    """The release in use is away for many attempts, and the pauses between them grow; then it is
    there again."""
    current = machine.root / "opt/sitekit/demo/current"
    release = current.readlink()
    seconds = {unit: f"/run/sitekit/demo/pauses/{part}/seconds" for unit, part in PARTS.items()}
    current.unlink()
    try:
        for unit in seconds:
            machine.systemctl("kill", "--signal=KILL", "--kill-who=main", unit)
        until(lambda: all(pause(machine, file) >= 7 for file in seconds.values()), 240)
        for unit in seconds:  # the pauses tested, many more attempts are made at once
            folder = f"/run/systemd/system/{unit}.d"
            sooner = "[Service]\\nRestartSec=50ms\\nExecStartPre=\\n"
            machine.run("sh", "-c", f"mkdir -p {folder} && printf '{sooner}' >{folder}/sooner.conf")
        machine.systemctl("daemon-reload")
        until(lambda: all(int(machine.shown(unit, "NRestarts")) > 20 for unit in seconds), 240)
        # never given up; an attempt of Type=simple is active for the moment before its program is
        # found to be away
        assert "failed" not in {machine.shown(unit, "ActiveState") for unit in seconds}
    finally:
        current.symlink_to(release)
        for unit in seconds:
            machine.run("rm", "-rf", f"/run/systemd/system/{unit}.d")
        machine.systemctl("daemon-reload")
    until(notebook.goes_on, 300)


def test_a_hub_whose_token_the_proxy_refuses_takes_the_new_one(
    machine: Booted, notebook: Notebook
) -> None:
    hub, file = machine.main_pid(HUB), machine.root / "etc/sitekit/demo/proxy.env"
    file.write_text("CONFIGPROXY_AUTH_TOKEN=" + "0123456789abcdef" * 4 + "\n")
    machine.systemctl("restart", PROXY)
    until(lambda: came_back(machine, HUB, hub), 300)
    # what lets a browser in is signed with it
    until(lambda: notebook.person.lab().status_code == 200, 300)
    until(notebook.goes_on, 300)
    journal = ("journalctl", "--unit", HUB, "--no-pager")
    until(lambda: "The proxy refuses this hub's token" in machine.run(*journal).stdout)


def test_the_timers_wait_and_what_they_start_ends_well(machine: Booted) -> None:
    listed = machine.systemctl("list-timers", "--all", "--no-legend", "sitekit-demo-*")
    assert all(
        f"sitekit-demo-{part}.timer" in listed for part in ("kernels", "backup", "certificate")
    )
    for part in ("backup", "certificate"):
        machine.systemctl("start", f"sitekit-demo-{part}.service")
        assert machine.shown(f"sitekit-demo-{part}.service", "Result") == "success"
    assert list((machine.root / "var/backups/sitekit/demo").glob("*.tar.gz"))


@pytest.mark.soak
def test_the_check_of_the_kernels_ends_well(machine: Booted) -> None:
    machine.run("systemctl", "start", "sitekit-demo-kernels.service", timeout=600)
    assert machine.shown("sitekit-demo-kernels.service", "Result") == "success"


def test_services_move_to_another_supervisor_and_back(machine: Booted, notebook: Notebook) -> None:
    """What ran is stopped and disabled there, and runs here; nothing of it is left behind."""
    words = [
        "env",
        f"PYTHONPATH={CHECKOUT / 'scripts'}",
        CHECKOUT / ".kit/bin/python",
        "-B",
        "-m",
        "sitekit",
        "apply",
    ]
    for supervisor in ("supervisord", "systemd"):
        (machine.root / "tmp/site.yml").write_text(dump(demo_site(supervisor)))
        said = machine.run("env", "SITE=/tmp/site.yml", *words, timeout=900).stdout
        moved = {part: f"sitekit-demo-{part}" for part in ("proxy", "hub", "front")}
        verbs = (
            ("stop, disable", "start") if supervisor == "supervisord" else ("stop", "enable, start")
        )
        assert all(f"ok {verb} {name}\n" in said for verb in verbs for name in moved.values()), said
        active = "active" if supervisor == "systemd" else "inactive"
        assert {machine.shown(f"{name}.service", "ActiveState") for name in moved.values()} == {
            active
        }
        wants = machine.root / "etc/systemd/system/multi-user.target.wants"
        assert {path.name for path in wants.glob("sitekit-demo-[hpf]*")} == (
            {f"{name}.service" for name in moved.values()} if supervisor == "systemd" else set()
        )
        timers = machine.systemctl(
            "list-units", "--all", "--no-legend", "--state=active", "sitekit-demo-*.timer"
        )
        assert timers.count(".timer") == (3 if supervisor == "systemd" else 0)
        until(notebook.goes_on, 300)


def test_after_a_reboot_all_of_it_comes_up_by_itself(machine: Booted, demo: Demo) -> None:
    machine.reboot()
    until(lambda: machine.kit("demo_status", check=False).returncode == 0, 300, 1)
    with demo.person("bob") as bob:
        assert bob.login().url.path != "/hub/login"
        assert bob.start("small")[-1].get("ready")
        assert bob.kernel(python_of(bob)).run("print(6 * 7)") == "42"
        bob.stop_and_wait()


def test_what_was_stopped_stays_so(machine: Booted) -> None:
    machine.kit("demo_stop")
    ours = "sitekit-demo-*"  # the mounts of a checkout in a folder called sitekit are units too
    assert not machine.systemctl(
        "list-units", "--no-legend", "--state=active,activating,failed", ours
    )
    assert not machine.run(
        "systemctl", "list-unit-files", "--no-legend", "--state=enabled", ours, check=False
    ).stdout
