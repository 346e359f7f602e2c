"""A release at work is really looked at: what does not load, start or answer is told with its own
last words."""

from __future__ import annotations

from pathlib import Path

import kernel_site
import pytest
import release_parts as parts

from sitekit.environment.release import trial_run
from sitekit.environment.release.configure_release import plain_environment
from sitekit.environment.release.releases import Release
from sitekit.site import Site
from sitekit.site.show import dump


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return parts.site_at(tmp_path, "conda-forge")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scratch").mkdir()
    return tmp_path / "scratch"


@pytest.fixture
def real(hub_environment: None, monkeypatch: pytest.MonkeyPatch) -> Release:
    # on a busy machine, its programs may answer late
    monkeypatch.setattr(trial_run, "ANSWER_TIMEOUT", 300)
    return Release(kernel_site.release().resolve(), {}, True)


@pytest.fixture
def broken(tmp_path: Path) -> Release:
    """Its programs say one sentence, and end."""
    (tmp_path / "release/bin").mkdir(parents=True)
    for name in ("python", "configurable-http-proxy"):
        program = tmp_path / "release/bin" / name
        program.write_text("#!/bin/sh\necho 'libz.so.1 is not there' >&2\nexit 1\n")
        program.chmod(0o755)
    return Release(tmp_path / "release", {}, True)


def test_a_good_release_passes(site: Site, real: Release, folder: Path) -> None:
    environment = plain_environment(real.path, folder)
    assert trial_run.hub_reads_the_site(site, real, environment, folder) == []
    assert trial_run.proxy_routes(real, environment, folder) == []
    assert trial_run.server_answers(site, real, environment, folder) == []


def test_a_proxy_that_would_not_ask_whose_server_it_is_is_told(
    real: Release, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of another version, whose methods are called by other names, or are no longer called."""
    (tmp_path / "proxy").mkdir()
    monkeypatch.setattr(trial_run, "data", lambda name: tmp_path / name)
    for name in ("class.mjs", "ended.mjs", "tls.mjs"):
        (tmp_path / "proxy" / name).write_text((parts.TOP / "proxy" / name).read_text())
    ours, environment = (
        (parts.TOP / "proxy/owners.mjs").read_text(),
        plain_environment(real.path, folder),
    )
    (tmp_path / "proxy/owners.mjs").write_text(ours.replace('"targetForReq"', '"targetOf"'))
    [fault] = trial_run.proxy_routes(real, environment, folder)
    assert "has no method targetOf" in fault
    (tmp_path / "proxy/owners.mjs").write_text(ours.replace('"targetForReq"', '"getRoute"'))
    [fault] = trial_run.proxy_routes(real, environment, folder)
    assert fault == "the proxy opens a user's server without asking the hub (it answers 403)"


def test_a_broken_one_is_told(site: Site, broken: Release, folder: Path) -> None:
    environment, why = plain_environment(broken.path, folder), "libz.so.1 is not there"
    assert trial_run.hub_reads_the_site(site, broken, environment, folder) == [
        f"the hub's configuration does not load: {why}"
    ]
    assert trial_run.proxy_routes(broken, environment, folder) == [
        f"the proxy does not answer: {why}"
    ]
    assert trial_run.server_answers(site, broken, environment, folder) == [
        f"a server does not come up: {why}"
    ]


def test_a_sites_own_extra_that_does_not_load_is_told(
    site: Site, real: Release, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config/local.d").mkdir(parents=True)
    (tmp_path / "config/local.d/own.py").write_text("import nothing_of_this_name\n")
    config = (parts.TOP / "config/jupyterhub_config.py").read_text()
    (tmp_path / "config/jupyterhub_config.py").write_text(config)
    monkeypatch.setattr(trial_run, "data", lambda name: tmp_path / name)
    [fault] = trial_run.hub_reads_the_site(site, real, plain_environment(real.path, folder), folder)
    assert "No module named 'nothing_of_this_name'" in fault


def test_a_key_that_an_older_kit_does_not_know_is_told(
    site: Site, real: Release, folder: Path
) -> None:
    """As after a rollback: the site file was written by a newer one."""
    text = dump(site) + "novelty: 1\n"
    [fault] = trial_run.hub_reads_the_site(
        site, real, plain_environment(real.path, folder), folder, text
    )
    assert "novelty" in fault


def test_what_hangs_is_given_up(
    site: Site, broken: Release, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_run, "ANSWER_TIMEOUT", 0.5)
    for name in ("python", "configurable-http-proxy"):
        (broken.path / "bin" / name).write_text("#!/bin/sh\nexec sleep 60\n")
    environment = plain_environment(broken.path, folder)
    [fault] = trial_run.proxy_routes(broken, environment, folder)
    assert "refused" in fault
    assert trial_run.server_answers(site, broken, environment, folder) == [
        "a server does not come up: it prints nothing"
    ]
