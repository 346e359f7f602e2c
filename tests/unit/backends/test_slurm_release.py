"""The release of the hub and the one of servers behind a login node: what the gate tells of it, and
when no server starts. A script plays ssh; tests/ssh has the real one."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gate_program import gate_program

from sitekit.backends.slurm import ssh_files as ssh
from sitekit.backends.slurm.compare_hub_and_cluster_release import ServersRelease
from sitekit.backends.slurm.jupyterhub_and_sitekit_versions import (
    Versions,
    misfit,
    versions_in,
    versions_of,
)
from sitekit.backends.slurm.sbatch_errors import explain_refusal
from sitekit.backends.start_and_job_records import Refused
from sitekit.contracts.gate_config import gate_config
from sitekit.machine.checks import login_node_partitions
from sitekit.site import Site

GATE = gate_program()
FIVE = {"name": "2026-03-01-aa", "jupyterhub": "5.4.3", "sitekit": "0.1.0"}
SIX = {"name": "2026-11-28-bb", "jupyterhub": "6.1.1", "sitekit": "0.1.0"}
OLDER = '{"ok": false, "kind": "refused", "error": "the request names no verb that the gate knows"}'
Plays = Callable[..., Path]


def record(told: dict[str, str], package: str = "jupyterhub") -> str:
    """release.json, as `make install_all` writes it, as far as it matters here."""
    packages = [{"name": "python", "version": "3.11.2", "build": "0", "url": "u", "sha256": "s"}]
    packages.append({**packages[0], "name": package, "version": told["jupyterhub"]})
    kit = {"version": told["sitekit"], "hash": "0"}
    return json.dumps({"name": told["name"], "packages": packages, "kit": kit, "installed": True})


def release(folder: Path, told: dict[str, str], package: str = "jupyterhub") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "release.json").write_text(record(told, package))
    return folder


def answer(told: object) -> str:
    return json.dumps({"ok": True, "release": told})


@pytest.mark.parametrize("package", ["jupyterhub", "jupyterhub-base"])
def test_gate_and_hub_read_the_same_of_a_record(tmp_path: Path, package: str) -> None:
    path = release(tmp_path, SIX, package)
    told = GATE.release({"release": str(path / "release.json")}, None, {})["release"]
    assert told == SIX
    assert versions_in(told) == versions_of(path) == Versions(**SIX)


def test_the_gate_reads_the_release_with_which_jobs_start(site: Site) -> None:
    path = gate_config(site)["release"]
    assert path == "/shared/j/current/release.json"
    local = Site.model_validate({**site.model_dump(mode="json"), "slurm": {}})
    assert "release" not in gate_config(local)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "null", '{"name": 1, "packages": 7}', '{"packages": [7]}', "[" * 100000],
)
def test_a_record_of_another_form_is_a_refusal(tmp_path: Path, text: str) -> None:
    (tmp_path / "release.json").write_text(text)
    with pytest.raises(GATE.Refused, match="cannot be read"):
        GATE.release({"release": str(tmp_path / "release.json")}, None, {})


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(GATE.Refused, match="there is no release"):
        GATE.release({"release": str(tmp_path / "release.json")}, None, {})
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(GATE.Refused, match="cannot be read"):
        GATE.release({"release": str(tmp_path / "pipe")}, None, {})
    with pytest.raises(GATE.Refused, match="more than the gate knows"):
        GATE.release({"release": str(tmp_path / "release.json")}, None, {"path": "/etc/shadow"})


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"jupyterhub": "6.1.9"}, True),
        ({"sitekit": "0.1.7", "name": "other"}, True),
        ({"jupyterhub": "6.0.1"}, False),
        ({"jupyterhub": "5.4.3"}, False),
        ({"sitekit": "0.2.0"}, False),
    ],
)
def test_which_versions_fit(change: dict[str, str], fits: bool) -> None:
    why = misfit(Versions(**SIX), Versions(**{**SIX, **change}))
    assert (why is None) is fits
    assert fits or all(value in str(why) for value in (*SIX.values(), *change.values()))


@pytest.mark.parametrize(
    "told",
    [None, [], "x", {}, {**SIX, "name": 7}, {**SIX, "jupyterhub": "<b>6.1</b>"},
     {**SIX, "name": "a\nb"}, {**SIX, "sitekit": ["0.1"]}],
)  # fmt: skip
def test_text_of_another_form_is_not_taken(told: Any) -> None:
    with pytest.raises(ValueError, match="unknown form"):
        versions_in(told)


def test_no_server_starts_while_the_releases_do_not_fit(
    site: Site,
    plays: Plays,
    tmp_path: Path,
) -> None:
    check = ServersRelease(site, release(tmp_path / "r", SIX)).check
    folder = plays(answer(FIVE))
    with pytest.raises(Refused) as refused:
        asyncio.run(check())
    assert json.loads((folder / "given").read_text()) == {"verb": "release"}
    assert refused.value.kind == "release" and "JupyterHub 5.4.3" in str(refused.value)
    told = explain_refusal(refused.value)
    assert told and told.kind == "release" and "do not fit" in told.what
    # as soon as the servers' release is another one, servers start; and for a while nobody asks
    plays(answer(SIX))
    asyncio.run(check())
    plays(answer(FIVE))
    asyncio.run(check())


@pytest.mark.parametrize(
    "text", [OLDER, "", "Welcome!", '{"ok": true}', answer({**SIX, "name": "a b"}), answer([])]
)
def test_without_an_answer_no_start_is_refused(
    site: Site,
    plays: Plays,
    tmp_path: Path,
    text: str,
) -> None:
    plays(text)
    asyncio.run(ServersRelease(site, release(tmp_path / "r", SIX)).check())


def test_a_hub_whose_own_release_has_no_record_refuses_nothing(
    site: Site,
    plays: Plays,
    tmp_path: Path,
) -> None:
    plays(answer(FIVE))
    asyncio.run(ServersRelease(site, tmp_path / "none").check())


@pytest.mark.parametrize(
    ("told", "what"),
    [
        (answer(SIX), None),
        (answer(FIVE), "no server can start"),
        (OLDER, "of an older sitekit"),
        ('{"ok": false, "kind": "release", "error": "there is no release: /x"}', "no release"),
        ("Welcome!", "did not name the servers' release"),
    ],
)
def test_make_diff_says_it_beforehand(
    site: Site,
    plays: Plays,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    told: str,
    what: str | None,
) -> None:
    values = site.model_dump(mode="json")
    values["paths"] |= {"prefix": str(tmp_path / "prefix"), "state": str(tmp_path / "state")}
    here = Site.model_validate(values)
    release(here.current, SIX)
    (tmp_path / "key").touch()
    monkeypatch.setattr(ssh, "key", lambda site: tmp_path / "key")
    query = json.dumps({"ok": True, "code": 0, "out": "", "err": ""})
    folder = plays("")
    client = folder / "ssh-client"
    client.write_text(
        f"#!/bin/sh\nread -r asked\ncase $asked in *release*) echo '{told}';; *) echo '{query}';; esac\n"
    )
    found = [
        one for one in login_node_partitions.check_login_node(here) if "partition" not in one.what
    ]
    assert [what in one.what for one in found if what] == ([True] if what else [])
    assert what or not found
    assert not any(one.refuses for one in found), "the apply may be what mends it"
