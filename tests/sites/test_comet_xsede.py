"""config/sites/comet-xsede.yml from login to cell: CILogon, an account of the user's own, a
certificate for each request, a tunnel, supervisord."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..chain.oauth import environments, refusal, visiting
from ..chain.provider import Known
from ..chain.test_chain import python_of
from ..faults.machine import Machine
from ..slurm import ask, jobs, until
from .cluster import group
from .network import on_the_hub
from .outside import Outside, brought_up

UNI = "https://idp.uni.example.org/shibboleth"
PEOPLE = {
    "ann": Known({"idp": UNI, "eppn": "alice@uni.example.org"}),
    "ben": Known({"idp": UNI, "eppn": "bob@uni.example.org"}),
    "boss": Known({"idp": UNI, "eppn": "operator@uni.example.org"}),
    "eve": Known({"idp": "https://evil.example.org/idp", "eppn": "alice@uni.example.org"}),
    "far": Known({"idp": UNI, "eppn": "alice@evil.example.org"}),
    "lost": Known({"eppn": "alice@uni.example.org"}),
    "nameless": Known({"idp": UNI}),
    "new": Known({"idp": UNI, "eppn": "new@uni.example.org"}),
    "out": Known({"idp": UNI, "eppn": "out@uni.example.org"}),
}
ACCOUNTS = {"alice": "alice", "bob": "bob", "operator": "carol", "out": "root"}


@pytest.fixture(scope="module")
def comet(cluster: Machine, folder: Path) -> Iterator[Outside]:
    accounts = folder / "accounts"
    lines = [f"{name}@uni.example.org {account}\n" for name, account in ACCOUNTS.items()]
    accounts.write_text("".join(lines))
    with (
        group("cluster-users", "alice", "bob", "carol"),
        brought_up("comet-xsede", folder, login__accounts={"file": str(accounts)}) as site,
    ):
        site.provider.people = PEOPLE
        yield site


def test_the_hub_and_the_cluster_reach_each_other_only_by_ssh(comet: Outside) -> None:
    """Slurm's daemons listen on this host's 127.0.0.1, and the hub has no program of Slurm that
    could reach them."""
    asked = on_the_hub("sinfo", check=False, SLURM_CONF=str(comet.site.slurm.conf))
    assert asked.returncode != 0


def test_a_user_works_under_the_own_account(comet: Outside) -> None:
    site = comet.site
    with visiting(site, "ann", "alice@uni.example.org") as ann:
        assert ann.come().status_code == 200 and not ann.admin
        form = {"tier": "shared", "shared.cpus": "2", "shared.account": "research"}
        assert ann.submit({**form, "shared.time": "0:30:00"}).status_code == 302
        told = list(ann.progress())
        assert told[-1].get("ready"), told
        [job] = [line.split()[0] for line in jobs(site, "alice")]
        shape = ask(site, "squeue", "--noheader", f"--jobs={job}", "--format=%P %C %a %l")
        assert shape == "shared 2 research 30:00"
        kernel = ann.kernel(python_of(ann))
        printed = kernel.run(
            "import getpass, json, os; print(json.dumps([getpass.getuser(), os.getcwd()]))"
        )
        assert json.loads(printed) == ["alice", "/home/alice"]
        kernel.close()
        ann.stop_and_wait()
        until(lambda: not jobs(site, "alice"), 180)


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("eve", "whose users may not log in here"),
        ("far", "for users of"),
        ("new", "no account on the cluster"),
        ("lost", "did not return your idp"),
        ("nameless", "did not return your eppn"),
        ("out", "an account of the system"),
    ],
)
def test_who_is_refused_is_told_why(comet: Outside, who: str, why: str) -> None:
    assert why in refusal(comet.site, who)


def test_whole_nodes(comet: Outside) -> None:
    site = comet.site
    with visiting(site, "ben", "bob@uni.example.org") as ben:
        assert ben.come().status_code == 200
        assert ben.submit({"tier": "compute", "compute.nodes": "2"}).status_code == 302
        assert list(ben.progress())[-1].get("ready")
        [job] = [line.split()[0] for line in jobs(site, "bob")]
        assert ask(site, "squeue", "--noheader", f"--jobs={job}", "--format=%D %C") == "2 128"
        ben.stop_and_wait()
        until(lambda: not jobs(site, "bob"), 180)
        refused = ben.submit({"tier": "shared", "shared.account": "research\n#SBATCH --uid=0"})
        assert refused.status_code == 400 and "is not one of yours" in refused.text
        assert ben.server() is None and not jobs(site, "bob")


def test_the_hub_restarts_and_keeps_the_servers(comet: Outside) -> None:
    site = comet.site
    with visiting(site, "ann", "alice@uni.example.org") as ann:
        ann.come()
        assert ann.start("debug")[-1].get("ready")
        comet.kit("stop")
        assert len(jobs(site, "alice")) == 1
        comet.kit("start")
        until(lambda: ann.lab().status_code == 200, 240)
        assert environments("alice")
        ann.stop_and_wait()
