"""`make kernels_check` with real kernels: what fails is hidden or flagged with a reason, and comes
back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kernel_site
import pytest
from kernel_site import KernelSite

from sitekit.base.data_files import CHECKOUT
from sitekit.base.errors import Problem
from sitekit.contracts.kernel_state import describe_kernel_state, read_kernel_state
from sitekit.kernels import commands
from sitekit.kernels.check_published import check_kernels
from sitekit.site import Site
from sitekit.site.show import dump

LIST = "import json, jupyter_client.kernelspec as k; print(json.dumps(k.KernelSpecManager().get_all_specs()))"


@pytest.fixture(scope="module")
def site(hub_environment: None) -> Iterator[KernelSite]:
    """Two kernels that work. One of them, by its rule, needs a file that nobody watches."""
    with kernel_site.world_readable() as root:
        site = KernelSite(root)
        site.python_module("python/3.99")
        site.plain_python_module("fragile/1.0")
        site.rules.write_text(
            f"kernels:\n  - {{match: fragile/1.0, check: 'open(\"{root}/needed\")'}}\n"
        )
        (root / "needed").write_text("")
        assert site.make() == 0
        yield site


@pytest.fixture
def broken(site: KernelSite) -> Iterator[None]:
    (site.root / "needed").unlink()
    yield
    (site.root / "needed").write_text("")
    assert check_kernels(site.site) == 0 and sorted(launcher(site)) == [
        "fragile-1.0",
        "python-3.99",
    ]


def with_check(site: KernelSite, **check: object) -> Site:
    values = site.site.model_dump(mode="json")
    values["kernels"]["check"] |= check
    return Site.model_validate(values)


def launcher(site: KernelSite) -> dict[str, str]:
    """Name -> title, as a server offers them."""
    env = {
        "JUPYTER_PATH": str(site.site.kernels_current),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "HOME": "/nonexistent",
    }
    python = site.site.current / "bin" / "python"
    done = subprocess.run(
        [python, "-c", LIST], env=env, capture_output=True, text=True, timeout=300, check=True
    )
    specs = json.loads(done.stdout)
    ours = {
        name: told
        for name, told in specs.items()
        if told["resource_dir"].startswith(env["JUPYTER_PATH"])
    }
    return {name: told["spec"]["display_name"] for name, told in ours.items()}


def test_when_all_pass_nothing_changes_but_the_state(
    site: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    before = site.generations()
    assert (
        next(describe_kernel_state(read_kernel_state(site.site)))
        == "2 proven; last checked never; make kernels_check"
    )
    assert check_kernels(site.site) == 0
    assert "nothing changes" in capsys.readouterr().out and site.generations() == before
    state = read_kernel_state(site.site)
    assert (state.proven, state.failing, state.where) == (
        2,
        {},
        "this host",
    ) and state.checked > 1_700_000_000


@pytest.mark.usefixtures("broken")
def test_what_fails_is_hidden_with_its_reason_until_it_passes(
    site: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check_kernels(site.site) == 1
    assert "FAILED  fragile-1.0" in capsys.readouterr().out
    assert list(launcher(site)) == ["python-3.99"]
    lines = list(describe_kernel_state(read_kernel_state(site.site)))
    assert (
        lines[0].startswith("1 proven, 1 FAILING")
        and "fragile-1.0" in lines[1]
        and "FileNotFound" in lines[1]
    )
    # A server that was there before still has it: it is asked of the same launcher, and starts for
    # all it can.
    assert (site.published / "fragile-1.0" / "launch.json").exists()


@pytest.mark.usefixtures("broken")
def test_make_kernels_leaves_it_hidden_and_says_why(
    site: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    check_kernels(site.site)
    before = site.generations()
    capsys.readouterr()
    assert site.make() == 1  # it is named in kernels.yml
    said = capsys.readouterr().out
    assert (
        "Starting each" not in said
        and "FAILED     fragile-1.0" in said
        and "kernels_check` found this" in said
    )
    assert list(launcher(site)) == ["python-3.99"] and site.generations() == before
    # Publishing something else does not bring it back either.
    site.module("other/1.0", (site.modules / "python" / "3.99.lua").read_text())
    try:
        assert site.make() == 1
        assert sorted(launcher(site)) == ["other-1.0", "python-3.99"]
        state = read_kernel_state(site.site)
        assert (
            state.proven == 2
            and list(state.failing) == ["fragile-1.0"]
            and state.where == "this host"
        )
    finally:
        (site.modules / "other" / "1.0.lua").unlink()
        assert site.make() == 1


@pytest.mark.usefixtures("broken")
def test_where_the_site_says_so_it_stays_with_a_warning(site: KernelSite) -> None:
    before = launcher(site)
    flagging = with_check(site, on_failure="flag")
    assert check_kernels(flagging) == 1
    assert launcher(site) == before | {"fragile-1.0": before["fragile-1.0"] + " (fails its test)"}
    generations = site.generations()
    assert check_kernels(flagging) == 1 and site.generations() == generations


def test_when_nothing_starts_the_launcher_stays_as_it_is(site: KernelSite) -> None:
    lmod = with_check(site).model_copy(update={"kernels": site.site.kernels})
    tree = site.modules.rename(site.root / "away")
    try:
        with pytest.raises(Problem, match="no kernel starts on this host"):
            check_kernels(lmod)
        assert len(launcher(site)) == 2
        assert (
            read_kernel_state(site.site).proven == 0
            and len(read_kernel_state(site.site).failing) == 2
        )
    finally:
        tree.rename(site.modules)
    assert check_kernels(site.site) == 0


def test_a_check_that_could_not_be_made_changes_nothing(site: KernelSite) -> None:
    """No srun here: that says nothing about the kernels."""
    before = site.generations(), read_kernel_state(site.site)
    nowhere = with_check(site, partition="batch").model_copy(
        update={"slurm": site.site.slurm.model_copy(update={"bin": site.root})}
    )
    with pytest.raises(Problem, match="srun"):
        check_kernels(nowhere)
    assert (site.generations(), read_kernel_state(site.site)) == before
    assert not list((site.root / "prefix" / "kernels").glob(".trial-*"))


@pytest.fixture
def hidden_kit(site: KernelSite, tmp_path: Path) -> Path:
    """A copy of the kit, with the site's rules, in a folder that root alone can read, as below
    root's home."""
    hidden = tmp_path / "sitekit"
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "scripts", hidden / "scripts", ignore=left_out)
    shutil.copytree(CHECKOUT / "kernels", hidden / "kernels", ignore=left_out)
    shutil.copytree(CHECKOUT / "config/languages", hidden / "config/languages")
    shutil.copy(site.rules.with_suffix(".used.yml"), hidden / "config/kernels.yml")
    (hidden / "site.yml").write_text(dump(site.site))
    hidden.chmod(0o700)
    return hidden


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, which runs it as another account")
def test_root_works_as_the_account_that_owns_the_prefix(
    site: KernelSite, hidden_kit: Path, open_path: Path
) -> None:
    """What root left there, its owner could not replace. The owner cannot read the checkout."""
    prefix = site.root / "prefix"
    (site.root / "needed").unlink()
    subprocess.run(["chown", "-R", "nobody", prefix], check=True)
    env = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(hidden_kit / "scripts"),
        "SITE": str(hidden_kit / "site.yml"),
        "TMPDIR": str(open_path),
    }
    open_path.chmod(0o1777)

    def kit(command: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "sitekit", command]
        return subprocess.run(argv, env=env, cwd="/", capture_output=True, text=True, timeout=900)

    try:
        done = kit("kernels_check")
        assert done.returncode == 1 and "hidden from the launcher" in done.stdout, (
            done.stdout + done.stderr
        )
        (site.root / "needed").write_text("")
        done = kit("kernels_check")
        assert done.returncode == 0 and "are offered" in done.stdout, done.stdout + done.stderr
        site.python_module("later/1.0")
        done = kit("kernels")
        assert done.returncode == 0 and "later-1.0" in site.names(), done.stdout + done.stderr
        assert "loaded-python" not in site.names(), (
            "by the kit's kernels.yml, not by the site's own"
        )
        owners = {path.lstat().st_uid for path in (prefix / "kernels").rglob("*")}
        assert owners == {prefix.stat().st_uid} != {0}
        assert not list(open_path.glob("sitekit-copy-*"))
    finally:
        subprocess.run(["chown", "-R", "root", prefix], check=True)
        (site.root / "needed").write_text("")
        (site.modules / "later/1.0.lua").unlink(missing_ok=True)
    assert site.make() == 0 and check_kernels(site.site) == 0


def test_one_that_fails_only_once_is_not_hidden(
    site: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its check fails twice, which is the first time clean and hostile; then no more."""
    before, count = site.rules.read_text(), site.root / "count"
    count.mkdir()
    count.chmod(0o777)
    code = f"import os, tempfile; tempfile.mkstemp(dir='{count}'); assert len(os.listdir('{count}')) not in (3, 4)"
    site.rules.write_text(f'kernels:\n  - {{match: fragile/1.0, check: "{code}"}}\n')
    try:
        assert site.make() == 0
        assert check_kernels(site.site) == 0
        assert "started once more" in capsys.readouterr().out and len(os.listdir(count)) == 6
    finally:
        site.rules.write_text(before)
        assert site.make() == 0


def test_before_anything_is_published_there_is_nothing_to_check(site: KernelSite) -> None:
    empty = site.site.model_copy(
        update={"paths": site.site.paths.model_copy(update={"prefix": site.root / "software"})}
    )
    with pytest.raises(Problem, match="make kernels"):
        check_kernels(empty)


def test_new_versions_are_published_where_the_site_says_so(
    site: KernelSite, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the rules of the last `make kernels`, whatever kernels.yml lies beside the code that the
    timer runs."""
    file = site.module("python/4.0", (site.modules / "python" / "3.99.lua").read_text())
    try:
        assert commands.kernels_check(site.site) == 0 and "python-4.0" not in site.names()
        assert commands.kernels_check(with_check(site, publish_new=True)) == 0
        assert "python-4.0" in site.names() and "loaded-python" not in site.names()
        assert (
            len(read_kernel_state(site.site).failing) == 0
            and read_kernel_state(site.site).proven == 3
        )
    finally:
        file.unlink()
    assert (
        commands.kernels_check(with_check(site, publish_new=True)) == 0
        and "python-4.0" not in site.names()
    )
    # what keeps it from publishing keeps it from no check
    (site.modules / "python" / "3.99.lua").chmod(0o666)
    try:
        capsys.readouterr()
        assert commands.kernels_check(with_check(site, publish_new=True)) == 1
        said = capsys.readouterr().out
    finally:
        (site.modules / "python" / "3.99.lua").chmod(0o644)
    assert "Nothing new is published" in said and "2 of 2 kernels work" in said
