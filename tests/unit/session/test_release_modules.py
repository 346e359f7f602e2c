"""Modules and entry points come from the release's one file, and are the same as without it."""

from __future__ import annotations

import compileall
import importlib.metadata
import importlib.resources
import py_compile
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.environment.release.write_bytecode_file import collect
from sitekit.session.imports.release_modules import ReleaseModules

NAMES = ["json", "_io", "a_package", "a_package.inner", "a_package.inner", "not_there"]


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A release with one package, which has a module, a file of data and an entry point."""
    package, record = tmp_path / "lib/a_package", tmp_path / "lib/A_Package-1.0.dist-info"
    for folder in (package, record):
        folder.mkdir(parents=True)
    (package / "__init__.py").write_text("from .inner import where\n")
    (package / "inner.py").write_text("def where():\n    return __file__\n")
    (package / "data.txt").write_text("data")
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: A.Package\nVersion: 1.0\n")
    (record / "entry_points.txt").write_text("[a_group]\nfirst = a_package:where\n")
    monkeypatch.syspath_prepend(str(tmp_path / "lib"))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("a_package")]:
        del sys.modules[name]


def compile_unchecked(prefix: Path) -> None:
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    assert compileall.compile_dir(prefix, quiet=1, force=True, invalidation_mode=mode)


@pytest.fixture
def modules(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> ReleaseModules:
    compile_unchecked(prefix)
    modules = ReleaseModules(str(prefix), collect(NAMES, str(prefix)))
    monkeypatch.setattr(sys, "meta_path", [modules, *sys.meta_path])
    return modules


def test_modules_are_imported_without_their_own_files(
    modules: ReleaseModules, prefix: Path
) -> None:
    for file in [*prefix.rglob("*.py"), *prefix.rglob("*.pyc")]:
        file.unlink()
    import a_package

    assert a_package.where() == str(prefix / "lib/a_package/inner.py")
    assert importlib.resources.files(a_package).joinpath("data.txt").read_text() == "data"


def test_entry_points_and_versions_are_as_without_the_file(
    modules: ReleaseModules, prefix: Path
) -> None:
    (prefix / "lib/A_Package-1.0.dist-info/entry_points.txt").unlink()
    [found] = importlib.metadata.entry_points(group="a_group")
    assert (found.name, found.value) == ("first", "a_package:where")
    assert importlib.metadata.version("a-package") == "1.0"
    every = [package.metadata["Name"] for package in importlib.metadata.distributions()]
    assert every.count("A.Package") == 2  # as for any package that is found twice
    shutil.rmtree(prefix / "lib")
    assert list(importlib.metadata.distributions(path=[str(prefix / "lib")])) == []


def test_after_the_start_modules_come_from_their_own_files(
    modules: ReleaseModules, prefix: Path
) -> None:
    modules.close()
    assert modules not in sys.meta_path
    import a_package

    assert type(a_package.__spec__.loader).__name__ == "SourceFileLoader"
    assert a_package.where() == str(prefix / "lib/a_package/inner.py")


def test_bytecode_that_python_would_compare_with_its_source_is_refused(prefix: Path) -> None:
    compileall.compile_dir(
        prefix,
        quiet=1,
        force=True,
        invalidation_mode=py_compile.PycInvalidationMode.TIMESTAMP,
    )
    with pytest.raises(SystemExit, match="Python would compare it with its source"):
        collect(NAMES, str(prefix))


def test_a_file_of_another_python_is_refused(prefix: Path) -> None:
    compile_unchecked(prefix)
    content = collect(NAMES, str(prefix))
    with pytest.raises(ValueError, match="another Python"):
        ReleaseModules(str(prefix), content.replace(b'"python": "', b'"python": "00', 1))
