"""What `make status` and `make diff` say beside services and files; and output that nobody reads to
its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from sitekit.base.data_files import data
from sitekit.machine.checks.password_verification import who_stays_out
from sitekit.machine.host.platform import this_platform
from sitekit.machine.run import maintenance_and_state_folder as state_module
from sitekit.machine.run.maintenance_and_state_folder import site_state
from sitekit.machine.supervisors.interface import State
from sitekit.machine.web import system_server
from sitekit.site import Site, load_site
from sitekit.site.settings import Paths


@pytest.fixture
def site(tmp_path: Path) -> Site:
    demo = load_site(data("config/sites/demo.yml"))
    (tmp_path / "state").mkdir()
    (tmp_path / "state/jupyterhub.sqlite").touch()
    paths = Paths.model_construct(prefix=tmp_path / "prefix", state=tmp_path / "state")
    return demo.model_copy(update={"paths": paths, "name": f"nowhere-{os.getpid()}"})


def subjects(site: Site) -> dict[str, bool]:
    return {subject: well for subject, _, well in site_state(site)}


def test_a_site_where_all_is_well_needs_no_word(site: Site) -> None:
    assert subjects(site) == {}


def test_a_state_folder_that_is_not_there(site: Site) -> None:
    (site.paths.state / "jupyterhub.sqlite").unlink()
    assert subjects(site) == {"state": True}, "a new site has no database yet"
    site.paths.state.rmdir()
    assert subjects(site) == {"state": False}


def test_a_disk_that_is_nearly_full(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, said in ((51, {}), (49, {"disk": False})):
        usage = SimpleNamespace(total=1000, free=free)
        monkeypatch.setattr(state_module.shutil, "disk_usage", lambda _, usage=usage: usage)
        assert subjects(site) == said


def test_administrators_who_may_not_log_in_are_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(
        "carol:x:2001:2001::/home/carol:/bin/sh\ndave:x:2002:2002::/home/dave:/bin/sh\n"
    )
    (tmp_path / "etc/group").write_text(
        "jupyter-users:x:2100:carol\njupyter-admins:x:2101:carol,dave\n"
    )
    (tmp_path / "etc/shadow").write_text("carol:$y$x:1::::::\ndave:$y$x:1::::::\n")
    told = list(who_stays_out(site, this_platform(), tmp_path))
    assert (
        told[0] == "1 of 2 members of login.admin_groups are in none of login.allowed_groups (dave)"
    )


def test_work_goes_on_when_nobody_reads_its_output() -> None:
    program = "from sitekit.base.progress import say; [say('x' * 4096) for _ in range(100)]; raise SystemExit(7)"
    worker = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert worker.stdout and worker.stderr
    worker.stdout.read(1)
    worker.stdout.close()
    assert worker.wait(120) == 7
    assert worker.stderr.read() == b""
    worker.stderr.close()


def test_the_web_server_is_told_by_its_pid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_server, "which_supervisor", lambda: "supervisord")
    places = {"pid": tmp_path / "pid", "program": tmp_path / "nginx"}
    web = this_platform().nginx.model_copy(update=places)
    assert system_server.state(web).word == "stopped"
    web.program.symlink_to("/bin/cat")
    with subprocess.Popen([web.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdin.write(b"up\n")
        child.stdin.flush()
        child.stdout.readline()
        web.pid.write_text(f"{child.pid}\n")
        assert system_server.state(web) == State("running", f"pid {child.pid}", child.pid)
        other = web.model_copy(update={"program": tmp_path / "httpd"})
        assert system_server.state(other).word == "stopped", "another program has its number now"
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert system_server.state(web).word == "stopped", "dead, and nobody has buried it"
    for text in (f"{child.pid}\n", "-1\n", "no number\n", ""):
        web.pid.write_text(text)
        assert system_server.state(web).word == "stopped"
