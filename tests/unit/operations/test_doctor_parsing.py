"""The doctor reads real answers of Slurm, of nodes and of files, and odd ones."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sitekit.base.finding import Finding, Severity
from sitekit.machine.host.platform import platforms
from sitekit.operations.doctor import check_access_as_account
from sitekit.operations.doctor.checks.accounting_limits import table
from sitekit.operations.doctor.checks.nodes_and_jobs import expand
from sitekit.operations.doctor.checks.state import mount_of
from sitekit.operations.doctor.context import Context, fields
from sitekit.operations.doctor.list_of_checks import CHECKS
from sitekit.operations.doctor.node_job import parse
from sitekit.site import load_site

TOP = Path(__file__).parents[3]
PARTITIONS = """\
PartitionName=jupyter-short AllowGroups=jupyter-users AllowAccounts=ALL AllowQos=ALL AllocNodes=ALL Default=NO \
QoS=N/A MaxTime=04:00:00 Nodes=demo[1-2] PriorityTier=10 RootOnly=NO ReqResv=NO OverSubscribe=FORCE:10 \
PreemptMode=OFF State=UP TotalCPUs=16 TotalNodes=2
PartitionName=jupyter-long AllowGroups=jupyter-users AllowAccounts=physics AllowQos=ALL AllocNodes=ALL \
MaxTime=5-00:00:00 Nodes=demo[1-2] PriorityTier=10 RootOnly=YES ReqResv=NO OverSubscribe=EXCLUSIVE State=DRAIN \
TotalNodes=2
PartitionName=jupyter-overflow AllowGroups=staff AllowAccounts=ALL AllowQos=gold AllocNodes=ALL Nodes=demo3 \
PriorityTier=5 RootOnly=NO ReqResv=YES OverSubscribe=NO State=UP TotalNodes=1
PartitionName=batch AllowGroups=ALL AllowAccounts=ALL Nodes=demo[2-3] PriorityTier=20 State=UP
"""
SINFO = """\
demo1|jupyter-long|drained|disk [sda]: I/O error | call Ann
demo1|jupyter-short|drained|disk [sda]: I/O error | call Ann
demo2|jupyter-long|idle|none
demo2|jupyter-short|mixed|none
demo3|jupyter-overflow|down*|Not responding
garbage
"""
RESERVATION = (
    "ReservationName=works StartTime={begin} EndTime={end} Duration=01:00:00 Nodes=demo[1-3] NodeCnt=3 "
    "PartitionName=(null) Flags=MAINT,IGNORE_JOBS,SPEC_NODES,ALL_NODES TRES=cpu=24 Users=root State=INACTIVE "
    "Comment=Flags=NONE\n"
)
CONFIG = {
    "AccountingStorageType": "accounting_storage/slurmdbd",
    "AccountingStorageEnforce": "associations,limits,qos",
    "SchedulerParameters": "bf_continue",
    "MinJobAge": "2 sec",
    "PreemptType": "preempt/partition_prio",
    "EnforcePartLimits": "NO",
    "HASH_VAL": "Different Ours=0x1 Slurmctld=0x2",
    "ProctrackType": "proctrack/linuxproc",
    "PropagateResourceLimits": "ALL",
    "PrivateData": "jobs",
    "SlurmUser": "slurm(64030)",
}


class Answers(Context):
    """A context that has Slurm's answers without a Slurm."""

    answers: dict[str, str]

    def slurm(self, program: str, *words: str) -> str:
        asked = " ".join([program, *words])
        for begin, text in self.answers.items():
            if begin in asked:
                return text
        raise AssertionError(asked)


def context(answers: dict[str, str], **changes: Any) -> Answers:
    site = load_site(TOP / "config/sites/demo.yml").model_copy(update=changes)
    here = Answers(site, platforms()["debian"], "alice", root=True)
    here.answers = answers
    return here


def found(name: str, here: Context) -> list[Finding]:
    check = next(one for one in CHECKS if one.id == name)
    return list(check.look(here))


SLURM = {
    "show partition": PARTITIONS,
    "sinfo": SINFO,
    "show config": "".join(f"{key:24}= {value}\n" for key, value in CONFIG.items()),
    "show associations": "research|alice||interactive,normal|||cpu=0|\nteaching|alice||normal|4|||\n",
    "show user": "\n",
    "show reservation": RESERVATION.format(begin=4000000000, end=4000003600),
    "squeue": "17|bob|PartitionDown\n18|eve|Priority\n19|mal|x|PartitionDown\n",
}


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("tiers.partition-up", ["jupyter-long is DRAIN"]),
        ("tiers.roots-only", ["jupyter-overflow has ReqResv=YES", "jupyter-long has RootOnly=YES"]),
        ("tiers.groups-allowed", ["jupyter-overflow has AllowGroups=staff"]),
        ("tiers.shares-nodes", ["jupyter-long has OverSubscribe=EXCLUSIVE"]),
        ("limits.accounts-allowed", ["jupyter-long has AllowAccounts=physics"]),
        ("limits.qos-allowed", ["AllowQos=gold"] * 3),
        ("limits.none-left", ["research has a limit of 0: GrpTRES cpu"]),
        ("limits.enforced", ["EnforcePartLimits is NO"]),
        ("limits.tracked", ["ProctrackType is proctrack/linuxproc"]),
        ("limits.propagated", ["PropagateResourceLimits is ALL"]),
        ("limits.default-account", ["alice has no default account"]),
        ("nodes.some-up", ["no node of jupyter-overflow can run jobs"]),
        ("nodes.all-up", ["demo1 is drained (disk [sda]: I/O error | call Ann)", "demo3 is down*"]),
        ("nodes.stuck", ["job 17 of bob waits: PartitionDown"]),
        ("slurm.start-delay", ["batch_sched_delay is 3 s"]),
        ("slurm.job-age", ["MinJobAge is 2 s"]),
        ("slurm.other-conf", ["HASH_VAL is Different"]),
        ("slurm.private-data", ["PrivateData=jobs hides users' jobs from jupyterhub-daemon"]),
    ],
)
def test_what_slurm_answers(name: str, texts: list[str]) -> None:
    told = [one.what for one in found(name, context(SLURM))]
    assert len(told) == len(texts), told
    assert all(text in one for text, one in zip(texts, told, strict=True)), told


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ("batch_sched_delay=0", []),
        ("batch_sched_delay=0,sched_min_interval=2", []),  # microseconds; Slurm's default
        (
            "bf_continue,sched_min_interval=2500000,batch_sched_delay=0",
            ["sched_min_interval is 2.5 s"],
        ),
        ("batch_sched_delay=11", ["batch_sched_delay is 11 s"]),
    ],
)
def test_a_delay_of_each_start_is_told(parameters: str, told: list[str]) -> None:
    answers = {**SLURM, "show config": f"SchedulerParameters = {parameters}\n"}
    assert [one.what for one in found("slurm.start-delay", context(answers))] == told


def test_a_limit_of_all_accounts_is_an_error() -> None:
    answers = {**SLURM, "show associations": "research|alice||normal|0|||\n"}
    (one,) = found("limits.none-left", context(answers))
    assert one.severity is Severity.ERROR


def test_an_account_without_association_is_refused() -> None:
    (one,) = found("limits.association", context({**SLURM, "show associations": ""}))
    assert "alice has no association" in one.what


def test_maintenance_counts_where_it_leaves_no_node() -> None:
    import time

    soon = int(time.time()) + 7200
    works = RESERVATION.format(begin=soon, end=soon + 3600)
    sinfo = {"sinfo": SINFO.replace("garbage", "demo9|jupyter-overflow|idle|none")}
    (one,) = found("nodes.maintenance", context({**SLURM, **sinfo, "show reservation": works}))
    assert "before these tiers end: long" in one.what
    assert re.search(r"jobs of at most 1:5\d:00 would start", one.what)


@pytest.mark.parametrize("text", ["", "No reservations in the system\n", "Users=root\n"])
def test_no_reservation(text: str) -> None:
    assert found("nodes.maintenance", context({**SLURM, "show reservation": text})) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("demo[1-3,5],login", ["demo1", "demo2", "demo3", "demo5", "login"]),
        ("n[08-10]-ib", ["n08-ib", "n09-ib", "n10-ib"]),
        ("(null)", []),
        ("", []),
        ("x[a-b", []),
    ],
)
def test_lists_of_nodes(text: str, names: list[str]) -> None:
    assert list(expand(text)) == names


def test_a_list_of_nodes_cannot_fill_the_memory() -> None:
    assert sum(1 for _ in expand("n[0-999999999999]")) < 200000


def test_records_keep_the_first_value_of_a_key() -> None:
    (row,) = fields(RESERVATION.format(begin=1, end=2))
    assert row["Flags"].startswith("MAINT") and row["Nodes"] == "demo[1-3]"
    assert table("a|b\nc\nd|e|f\n", ("X", "Y")) == [{"X": "a", "Y": "b"}]


GOOD = {
    "host": "demo1",
    "clock": 1000.0,
    "hub": "",
    "release": "",
    "kernels": "",
    "home": "",
    "names": [],
    "memory": 300 * 2**20,
}


def test_the_answer_of_a_node() -> None:
    tier = load_site(TOP / "config/sites/demo.yml").tiers[0]
    seen = parse("short", tier, "a banner of the login\n" + json.dumps(GOOD), (999.0, 1001.0))
    assert (seen.fault, seen.host, seen.clock, seen.memory) == ("", "demo1", 0.0, 300 * 2**20)
    late = parse("short", tier, json.dumps({**GOOD, "clock": 900.0}), (999.0, 1001.0))
    assert late.clock == -99.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "{}",
        json.dumps({**GOOD, "clock": "x"}),
        json.dumps({**GOOD, "names": 3}),
    ],
)
def test_an_odd_answer_of_a_node_is_a_fault(text: str) -> None:
    tier = load_site(TOP / "config/sites/demo.yml").tiers[0]
    assert "no answer that can be read" in parse("short", tier, text, (0, 1)).fault


def test_the_eyes_of_this_account(tmp_path: Path) -> None:
    database, damaged = tmp_path / "a b?.sqlite", tmp_path / "damaged.sqlite"
    with closing(sqlite3.connect(database)) as made:
        made.execute("CREATE TABLE one (two)")
        made.commit()
    damaged.write_bytes(b"SQLite format 3\0" + os.urandom(5000))
    wanted = {str(database): "rw", str(tmp_path / "none/x"): "r", str(database / "x"): "r"}
    told = check_access_as_account.look_as(
        None,
        {"paths": wanted, "databases": [str(database), str(damaged)], "space": [str(tmp_path)]},
        seconds=300,
    )
    none, below = (told["paths"][name] for name in list(wanted)[1:])
    assert told["paths"][str(database)] == ""
    assert none == f"{tmp_path}/none: No such file or directory"
    assert below == f"{database}: it is no folder"
    assert told["databases"][str(database)] == ""
    assert told["databases"][str(damaged)] != ""
    assert len(told["space"][str(tmp_path)]) == 4
    assert not Path(f"{database}-journal").exists()


def test_a_locked_database_is_seen(tmp_path: Path) -> None:
    database = tmp_path / "hub.sqlite"
    with closing(sqlite3.connect(database, isolation_level=None)) as made:
        made.execute("CREATE TABLE one (two)")
        made.execute("BEGIN EXCLUSIVE")
        told = check_access_as_account.look_as(None, {"databases": [str(database)]}, seconds=300)
        made.execute("ROLLBACK")
    assert "locked" in told["databases"][str(database)]


def test_the_program_for_nodes_answers_here(tmp_path: Path) -> None:
    program = TOP / "scripts/sitekit/operations/doctor/inside/look_from_node.py"
    request = {
        "hub": ["127.0.0.1", 1],
        "release": str(tmp_path),
        "kernels": str(tmp_path / "none"),
        "names": ["localhost", "nothing.invalid"],
    }
    argv = [sys.executable, "-I", "-c", program.read_text(), json.dumps(request)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=True)
    answer = json.loads(done.stdout)
    assert answer["hub"].startswith("127.0.0.1, port 1: ")
    assert answer["release"] == f"{tmp_path}/bin/python: No such file or directory"
    assert answer["kernels"] == f"{tmp_path}/none: No such file or directory"
    assert answer["names"] == ["nothing.invalid"]
    assert answer["home"] == ""


def test_the_file_system_of_a_path() -> None:
    assert mount_of(Path("/proc/self"))[0] == "proc"
    assert mount_of(Path("/proc/sys"))[0] in ("proc", "sysctl")


def test_known_vulnerabilities_are_warnings(tmp_path: Path) -> None:
    release = tmp_path / "releases/one"
    package = release / "lib/python3/site-packages/tornado-6.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: tornado\nVersion: 6.0\n")
    (tmp_path / "current").symlink_to("releases/one")
    advisory = {
        "id": "OSV-1",
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": "tornado"},
                "ranges": [
                    {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "6.5"}]}
                ],
            }
        ],
    }
    file = tmp_path / "osv.json"
    file.write_text(json.dumps(advisory))
    site = load_site(TOP / "config/sites/demo.yml")
    paths = site.paths.model_copy(update={"prefix": tmp_path})
    here = context(SLURM, paths=paths)
    here.advisories = (str(file),)
    (one,) = found("security.advisories", here)
    assert (one.severity, one.what) == (Severity.WARNING, "tornado 6.0: OSV-1; fixed in 6.5")
    here.advisories = (file.as_uri(), (tmp_path / "gone.json").as_uri())  # as from a mirror
    hit, gone = found("security.advisories", here)
    assert hit == one and gone.severity is Severity.UNSEEN and "not be downloaded" in gone.what
    here.advisories = ()
    (none,) = found("security.advisories", here)
    assert none.severity is Severity.UNSEEN
