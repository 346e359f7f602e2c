"""logrotate, run for real: it takes every rendered file, and the web servers go on in the new log."""

from __future__ import annotations

import gzip
import subprocess
from pathlib import Path

import pytest
from golden_sites import CASES, site_of

from sitekit.base.errors import Problem
from sitekit.machine.checks.syntax_before_writing import check_rotation
from sitekit.machine.render.rendered_files import folders
from sitekit.machine.web.logrotate import log_rotation

from ..slurm import until
from .conftest import a_site, backend, family, install, running
from .test_front import ask


def rotation(case: str) -> str:
    """The file for logrotate of a site of tests/golden."""
    site, platform = site_of(case)
    [file] = log_rotation(site, family(platform)).values()
    return file.content


@pytest.fixture(scope="module", autouse=True)
def program() -> None:
    install("logrotate")


@pytest.mark.parametrize("case", CASES)
def test_logrotate_takes_the_file(case: str, tmp_path: Path) -> None:
    copy = tmp_path / "conf"
    copy.write_text(rotation(case))
    told = subprocess.run(
        ["logrotate", "--debug", copy], capture_output=True, text=True, timeout=120
    )
    assert told.returncode == 0 and "error:" not in told.stderr
    assert "weekly (8 rotations)" in told.stderr
    check_rotation(copy)


@pytest.mark.parametrize("fault", ["    weekley\n", "    create 0640 mallory root\n", "}\n"])
def test_a_fault_is_told_before_anything_is_written(fault: str, tmp_path: Path) -> None:
    (tmp_path / "conf").write_text(rotation("demo").replace("    weekly\n", fault))
    with pytest.raises(Problem, match="logrotate does not accept this file"):
        check_rotation(tmp_path / "conf")


@pytest.mark.parametrize("kind", ["apache", "nginx"])
def test_the_web_server_goes_on_in_the_new_log(kind: str, tmp_path: Path) -> None:
    site, folder = a_site(kind), tmp_path / "machine"
    folder.mkdir()
    [text] = [file.content for file in log_rotation(site, family()).values()]
    for path in (site.log, site.run):
        text = text.replace(str(path), str(folder / path.relative_to("/")))
    (tmp_path / "conf").write_text(text)
    log = folder / site.log.relative_to("/") / f"{kind}-access.log"
    rotate = ["logrotate", "--force", f"--state={tmp_path / 'state'}", str(tmp_path / "conf")]
    with backend(site), running(site, folder):
        # closed to the account that serves
        log.parent.chmod(folders(site, family())[site.log].mode)
        for page in ("first", "second", "third"):
            until(
                lambda page=page: (
                    ask(site, f"/hub/{page}").status == 200 and page in log.read_text()
                ),
                every=0.05,
            )
            subprocess.run(rotate, check=True, capture_output=True, timeout=120)
            new = log.stat()
            assert (new.st_uid, new.st_gid, new.st_mode & 0o777) == (0, 0, 0o640)
        until(
            lambda: ask(site, "/hub/last").status == 200 and "last" in log.read_text(), every=0.05
        )
    assert "third" in log.with_name(f"{log.name}.1").read_text()
    assert "first" in gzip.decompress(log.with_name(f"{log.name}.3.gz").read_bytes()).decode()
    assert "third" not in log.read_text()
