"""course_check looks at the material with a participant's rights, in a job as the servers' are."""

from __future__ import annotations

import os
import pwd
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sitekit.base.data_files import data
from sitekit.operations.courses import check_material as checked
from sitekit.site import Site, load_site
from sitekit.site.courses.course_files import Course, read_course

SITE = load_site(data("config/sites/demo.yml"))
ME = pwd.getpwuid(os.geteuid()).pw_name
READER = "nobody" if os.geteuid() == 0 else ME
"""A participant whom modes of files concern, as they do not concern root."""
LINE = "StartTime={} EndTime=4102444800 Nodes=n1 PartitionName=(null) Users=alice"


def course(folder: Path, source: str, more: str = "", user: str = READER) -> Course:
    path = folder / "bio101.yml"
    path.write_text(
        "title: Bio\nstarts: 2026-09-01\nends: 2026-09-01\nzone: UTC\ntier: small\n"
        f"roster: {{file: names.csv}}\nmaterial: {{{source}}}\n{more}"
    )
    (folder / "names.csv").write_text(f"nobody9\n{user}\n")
    return read_course(path, SITE)


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root's rights, the programs run as this account, which is the participant then."""
    if os.geteuid():
        own = checked.run
        monkeypatch.setattr(checked, "run", lambda *a, user=None, **k: own(*a, **k))
        monkeypatch.setattr(checked.os, "geteuid", lambda: 0)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder of material, in a folder that everybody may enter."""
    folder = tmp_path / "above" / "bio"
    (folder / "intro").mkdir(parents=True)
    (folder / "intro" / "first.ipynb").write_text("{}")
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == os.geteuid() and path != Path("/") and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o055)
    return folder


def told(found: Course, site: Site = SITE) -> list[str]:
    return [one.what for one in checked.check_material(site, found) if one.refuses]


@pytest.mark.usefixtures("as_root")
def test_a_folder_that_participants_can_read(tmp_path: Path, shared: Path) -> None:
    assert told(course(tmp_path, f"folder: {shared}", "page: intro/first.ipynb\n")) == []
    [what] = told(course(tmp_path, f"folder: {shared}", "page: second.ipynb\n"))
    assert what == f"there is no {shared / 'second.ipynb'}"


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("closed", ["above", "above/bio", "above/bio/intro"])
def test_each_folder_that_participants_cannot_enter_is_found(
    tmp_path: Path, shared: Path, closed: str
) -> None:
    """Also one above the material, which the material's own mode does not show."""
    found = course(tmp_path, f"folder: {shared}")
    (tmp_path / closed).chmod(0o700 if READER != ME else 0)
    try:
        if READER == ME and closed == "above":
            with pytest.raises(PermissionError):  # this account cannot see it either
                told(found)
        else:
            [what] = told(found)
            assert what.startswith(f"{READER} cannot read ") and f"{tmp_path}/above" in what
    finally:
        (tmp_path / closed).chmod(0o755)


@pytest.mark.usefixtures("as_root")
def test_a_file_that_participants_cannot_read_is_found(tmp_path: Path, shared: Path) -> None:
    path = shared / "intro" / "first.ipynb"
    path.chmod(0o200)
    assert told(course(tmp_path, f"folder: {shared}")) == [f"{READER} cannot read {path}"]


class Programs:
    """Takes the place of `run`: git answers with one branch, scontrol with a reservation."""

    def __init__(self) -> None:
        self.began = 1
        self.argv: list[str] = []
        self.words: dict[str, Any] = {}

    def run(self, argv: list[str], **words: Any) -> subprocess.CompletedProcess[str]:
        if str(argv[0]).endswith("scontrol"):
            return subprocess.CompletedProcess(argv, 0, LINE.format(self.began), "")
        self.argv, self.words = [str(word) for word in argv], words
        return subprocess.CompletedProcess(argv, 0, "0\trefs/heads/main\n", "")


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> Programs:
    made = Programs()
    monkeypatch.setattr(checked, "run", made.run)
    monkeypatch.setattr(checked.os, "geteuid", lambda: 0)
    return made


URL = "repository: https://git.example.org/bio/course, ref: main"


def test_the_repository_is_asked_as_a_server_of_the_course_asks_it(
    tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the first participant with an account, without the administrator's proxy and authority."""
    for name in ("http_proxy", "https_proxy", "no_proxy", "GIT_SSL_CAINFO"):
        monkeypatch.setenv(name, "/root/own")
    found = course(tmp_path, URL, "reservation: bio101\n")
    tier = found.tier.model_copy(update={"account": "teaching", "qos": "short"})
    found = Course(found.key, found.file, found.users, tier)
    assert told(found) == []
    assert programs.words["user"] == READER
    assert programs.words["env"]["HOME"] == pwd.getpwnam(READER).pw_dir
    assert "/root/own" not in programs.words["env"].values()
    for option in ("--account=teaching", "--qos=short", "--reservation=bio101"):
        assert option in programs.argv, option
    programs.began = 4102444000  # srun could not start a job in it yet
    assert told(found) == []
    assert "--account=teaching" in programs.argv and "--reservation=bio101" not in programs.argv


def test_what_the_site_has_added_to_the_job_script_runs_first(tmp_path: Path) -> None:
    assert checked._job_script(tmp_path / "job.sh") == []
    script = data("config/templates/job.sh").read_text()
    added = script.replace("umask 077\n", "umask 077\nexport https_proxy=http://p:1\n")
    (tmp_path / "job.sh").write_text(added)
    argv = [*checked._job_script(tmp_path / "job.sh"), "printenv", "https_proxy"]
    assert subprocess.run(argv, capture_output=True, text=True).stdout == "http://p:1\n"


def test_without_a_participant_to_look_as_nothing_is_claimed(
    tmp_path: Path, programs: Programs
) -> None:
    found = course(tmp_path, URL, user="nobody8")
    [one] = checked.check_material(SITE, found)
    assert not one.refuses and "no participant has an account here" in one.what
    assert not programs.argv
