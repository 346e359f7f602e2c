"""Environments and images of the site as kernels: a real virtual environment and a real conda
prefix are started."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import kernel_site
import pytest
from kernel_site import KernelSite

from sitekit.base.data_files import data
from sitekit.base.errors import Problem
from sitekit.contracts.kernel_state import read_kernel_state
from sitekit.kernels.check_published import check_kernels
from sitekit.kernels.discovery.list_candidates import candidates
from sitekit.kernels.discovery.rules import Rule, Rules
from sitekit.kernels.trials.container_commands import words
from sitekit.kernels.trials.import_launch_program import launcher


@pytest.fixture(scope="module")
def site(hub_environment: None) -> Iterator[KernelSite]:
    with kernel_site.world_readable() as root:
        site = KernelSite(root)
        site.python("dask")
        site.python("bare", ipykernel=False)
        conda = kernel_site.release().resolve()
        site.rules.write_text(
            f"kernels:\n  - conda: {conda}\n    id: torch\n    name: 'Torch on {{language_version}}'\n"
            f"  - virtualenv: {root}/software/dask\n    environment: {{OMP_NUM_THREADS: '1'}}\n"
            f'    check: \'import os; assert os.environ["OMP_NUM_THREADS"] == "1"; os.environ["VIRTUAL_ENV"]\'\n'
        )
        assert site.make() == 0
        yield site


def spec(site: KernelSite, name: str, file: str = "kernel.json") -> dict:
    return json.loads((site.published / name / file).read_text())


def test_both_are_offered(site: KernelSite) -> None:
    assert site.names() == ["dask", "torch"]
    assert spec(site, "torch")["display_name"].startswith("Torch on 3.")
    assert spec(site, "dask")["display_name"].startswith("dask (Python 3.")


def test_the_launcher_is_the_same_and_no_module_is_loaded(site: KernelSite) -> None:
    launch = str(site.site.paths.prefix / "kernels" / "launch")
    assert spec(site, "torch")["argv"] == [launch, "torch", "-f", "{connection_file}"]
    told = spec(site, "torch", "launch.json")
    assert told["modules"] == [] and told["interpreter"] == str(
        kernel_site.release().resolve() / "bin" / "python"
    )
    assert told["environment"] == {"CONDA_PREFIX": str(kernel_site.release().resolve())}


def test_nothing_changed_means_nothing_started(
    site: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    assert site.make() == 0
    assert "Nothing has changed: 2 unchanged" in capsys.readouterr().out


def diff(site: KernelSite, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """What `make kernels_diff` says with more entries in kernels.yml, at least one of which fails."""
    before = site.rules.read_text()
    site.rules.write_text(before + "".join(f"  - {entry}\n" for entry in more))
    try:
        assert site.make(switch=False) == 1
    finally:
        site.rules.write_text(before)
    return capsys.readouterr().out


def test_one_without_ipykernel_and_one_that_is_not_there_fail(
    site: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    (site.software / "empty" / "bin").mkdir(parents=True)
    places = ("virtualenv: {}/bare", "conda: {}/gone", "conda: {}/empty")
    said = diff(site, capsys, *(place.format(site.software) for place in places))
    assert "no working ipykernel" in said and "it does not exist" in said
    assert f"{site.software}/empty brings no python or python3" in said


def test_an_environment_that_goes_after_publication_is_a_tombstone(site: KernelSite) -> None:
    away = (site.software / "dask").rename(site.software / "away")
    try:
        assert check_kernels(site.site) == 1
        why = read_kernel_state(site.site).failing["dask"]
        assert (
            "has changed since it was tested" in why
            and f"Expected: {site.software}/dask/bin/python" in why
        )
    finally:
        away.rename(site.software / "dask")
    assert check_kernels(site.site) == 0


def test_one_that_a_group_can_write_is_refused(site: KernelSite) -> None:
    folder = site.software / "dask" / "bin"
    os.chown(folder, -1, 1)
    folder.chmod(0o775)
    try:
        with pytest.raises(Problem, match="dask/bin can be written by the group daemon"):
            site.make()
    finally:
        folder.chmod(0o755)


def test_an_image_whose_engine_is_not_there_fails(
    site: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    (site.root / "nlp.sif").write_text("")
    assert "this host has no singularity" in diff(
        site, capsys, f"{{image: {site.root}/nlp.sif, engine: singularity}}"
    )


def test_the_words_of_the_engines(tmp_path: Path) -> None:
    file = tmp_path / "{home}.json"
    file.write_text('{"transport": "ipc", "ip": "/run/k-1/s"}')
    rule = Rule(image="/images/nlp.sif", options=("--nv",))
    assert words(rule, kernel=False) == ("apptainer", "exec", "--nv", "/images/nlp.sif")
    told = launcher().command_line.filled(
        [*words(rule), "python3", "-f", "{connection_file}"], str(file)
    )
    assert told[2:6] == ["--bind", str(file), "--bind", "/run/k-1"] and told[-1] == str(file)
    docker = launcher().command_line.filled(
        list(words(Rule(image="nlp:1", engine="docker"))), str(file)
    )
    assert f"--user={os.getuid()}:{os.getgid()}" in docker and docker[-1] == "nlp:1"
    assert "--env=PYTHONNOUSERSITE" in docker
    assert (
        f"--volume={Path.home()}:{Path.home()}" in docker and f"--volume={file}:{file}:ro" in docker
    )
    assert "--volume=/run/k-1:/run/k-1" in docker


def test_a_python_opens_no_port_for_its_children_where_it_is_reached_by_sockets(
    tmp_path: Path,
) -> None:
    words = [
        "exec",
        "/images/a.sif",
        "python3",
        "-m",
        "ipykernel_launcher",
        "-f",
        "{connection_file}",
    ]
    (tmp_path / "tcp").write_text('{"transport": "tcp", "ip": "127.0.0.1"}')
    (tmp_path / "ipc").write_text('{"transport": "ipc", "ip": "/run/k-1/s"}')
    assert launcher().command_line.by_socket(words, str(tmp_path / "tcp")) == words
    told = launcher().command_line.by_socket(words, str(tmp_path / "ipc"))
    program = data("kernels/by_socket.py").read_text()
    assert told == [*words[:3], "-c", program, "ipykernel_launcher", "-f", "{connection_file}"]
    assert launcher().command_line.by_socket(["R", "{connection_file}"], str(tmp_path / "ipc")) == [
        "R",
        "{connection_file}",
    ]


@pytest.mark.usefixtures("hub_environment")
def test_modules_in_the_notebooks_folder_are_not_taken_for_pythons_own(tmp_path: Path) -> None:
    for name in ("json", "runpy", "zmq", "ipykernel"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the notebook's')\n")
    (tmp_path / "connection").write_text('{"transport": "ipc", "ip": "/run/k-1/s"}')
    argv = launcher().command_line.by_socket(
        ["-m", "ipykernel_launcher", "-f", "connection"], str(tmp_path / "connection")
    )
    argv[argv.index("ipykernel_launcher")] = "platform"  # any that ends by itself
    python = kernel_site.release() / "bin" / "python"
    done = subprocess.run(
        [python, *argv], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0 and "Linux" in done.stdout, done.stderr


def test_an_image_is_a_candidate_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "NLP-2.sif").write_text("")
    rules = Rules(
        kernels=[
            Rule(image=f"{tmp_path}/NLP-2.sif"),
            Rule(image="quay.io/lab/r:4.3", engine="docker"),
        ]
    )
    found, notes = candidates([], rules)
    assert [(one.id, one.modules, one.listed) for one in found] == [
        ("nlp-2", (), True),
        ("r-4.3", (), True),
    ]
    assert not notes and found[0].label == f"{tmp_path}/NLP-2.sif"
