"""The profile with which ipyparallel's engines are a Slurm job: its text, and whose file it is."""

from __future__ import annotations

import string
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sitekit.session.containers.container import on_another_node
from sitekit.session.kernels import ipyparallel_profile as profile
from sitekit.session.kernels.ipyparallel_profile import (
    CLUSTER,
    FOLDER,
    MARK,
    cluster_config,
    write_profile,
)

ENGINES = {"partition": "compute", "memory": 3000, "cpus": 2, "time": 5400}
IMAGE = {
    "engine": "charliecloud",
    "program": "/usr/bin/ch-run",
    "path": "/shared/{images}/py thon",
    "binds": ["/scratch"],
}


def script(text: str) -> str:
    """The job script that ipyparallel makes of the file, for four engines."""
    made: Any = SimpleNamespace(Cluster=SimpleNamespace(), SlurmEngineSetLauncher=SimpleNamespace())
    exec(text, {"get_config": lambda: made})  # noqa: S102  (as IPython does)
    assert made.Cluster.engine_launcher_class == "slurm" and made.Cluster.controller_ip == "*"
    assert made.Cluster.engine_timeout == 600
    filled = {
        "n": 4,
        "cluster_id": "one",
        "output_file": "/h/log",
        "program_and_args": "python -m e",
    }
    return Evaluated().vformat(made.SlurmEngineSetLauncher.batch_template, (), filled)


class Evaluated(string.Formatter):
    """As IPython's EvalFormatter, with which ipyparallel fills in the template."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        return eval(field_name, kwargs), field_name  # noqa: S307  (as IPython does)


def test_the_engines_are_one_job() -> None:
    lines = script(cluster_config(ENGINES)).splitlines()
    assert lines[0] == "#!/bin/sh" and lines[-1] == "exec srun --cpus-per-task=2 python -m e"
    assert {line.removeprefix("#SBATCH --") for line in lines[1:-1]} == {
        "export=ALL", "job-name=ipengine-one", "output=/h/log", "ntasks=4", "cpus-per-task=2",
        "mem-per-cpu=1500M", "time=90", "partition=compute",
    }  # fmt: skip


def test_in_an_image_the_engines_run_in_the_same_image() -> None:
    inside = on_another_node(IMAGE, "/home/gateway/participants/ann")
    assert script(cluster_config(ENGINES, inside)).splitlines()[-1] == (
        "exec srun --cpus-per-task=2 env HOME=/home/gateway/participants/ann /usr/bin/ch-run --home "
        "--private-tmp --bind=/scratch '/shared/{images}/py thon' -- python -m e"
    )


def test_in_an_image_slurm_gets_paths_of_the_node() -> None:
    """Charliecloud mounts the home at another path, which the node does not have."""
    home = "/home/{gateway}/participants/ann"
    lines = script(cluster_config(ENGINES, on_another_node(IMAGE, home), home)).splitlines()
    assert f"#SBATCH --chdir={home}" in lines
    assert f"#SBATCH --output={home}/.ipython/profile_slurm/log/log" in lines


def test_a_changed_profile_is_the_users_own(tmp_path: Path) -> None:
    write_profile(ENGINES, tmp_path)
    file = tmp_path / FOLDER / CLUSTER
    assert (tmp_path / FOLDER).stat().st_mode & 0o777 == 0o700
    file.write_text(MARK + "# older\n")
    write_profile(ENGINES, tmp_path)
    assert "partition=compute" in file.read_text()
    file.write_text("# mine\n")
    write_profile(ENGINES, tmp_path)
    assert file.read_text() == "# mine\n"
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere")
    write_profile(ENGINES, tmp_path)
    assert file.is_symlink() and not (tmp_path / "elsewhere").exists()


def test_a_profile_that_cannot_be_written_is_a_line_in_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".ipython").write_text("not a folder")
    write_profile(ENGINES, tmp_path)
    assert "cannot be written: Not a directory" in capsys.readouterr().out
    (tmp_path / ".ipython").unlink()
    (tmp_path / FOLDER / CLUSTER).mkdir(parents=True)
    write_profile(ENGINES, tmp_path)
    assert (tmp_path / FOLDER / CLUSTER).is_dir()


def test_the_traffic_is_encrypted() -> None:
    made: Any = SimpleNamespace(IPController=SimpleNamespace())
    exec(profile.controller_config(), {"get_config": lambda: made})  # noqa: S102  (as IPython does)
    assert made.IPController.enable_curve is True
