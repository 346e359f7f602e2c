"""A server in a container image: the engines' command lines, the environment, and the refusals."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sitekit.hub.messages.ended_cards import CRASHES
from sitekit.session.containers import container
from sitekit.session.containers.container import command, environment, refusal, stamp

SHOWN = Path("/shared/jupyter/releases/one/share/sitekit/container")
START = ["-I", "-B", "/opt/sitekit-session/sitekit/session/container_start.py"]
JOB = {
    "HOME": "/home/gateway/participants/ann",
    "USER": "gateway",
    "LOGNAME": "gateway",
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
    "TMPDIR": "/local/42",
    "JUPYTERHUB_API_TOKEN": "the-secret",
    "JUPYTERHUB_OAUTH_SCOPES": '["access:servers!server=ann/"]',
    "JUPYTERHUB_SITEKIT_TLS": "keys",
    "MEM_LIMIT": "100",
    "SITEKIT_SESSION": '{"a": "$(id)"}',
    "SLURM_JOB_ID": "42",
    "SLURM_JOB_NAME": "jupyter",
    "LD_PRELOAD": "/evil.so",
    "PYTHONPATH": "/evil",
    "APPTAINER_BIND": "/etc",
    "APPTAINERENV_PATH": "/evil",
    "BASH_ENV": "/evil",
    "JUPYTER_PATH": "/evil",
}


def image(engine: str, program: str) -> dict[str, Any]:
    return {
        "key": "python",
        "engine": engine,
        "program": program,
        "path": "/shared/images/python.sif",
        "python": "/opt/py/bin/python3",
        "binds": ["/scratch:/scratch", "/data:/mnt/data"],
        "record": "/shared/jupyter/images/python.json",
    }


@pytest.mark.parametrize("engine", ["apptainer", "singularity"])
def test_the_command_line_of_apptainer(engine: str) -> None:
    asked = image(engine, f"/usr/bin/{engine}")
    assert command(asked, SHOWN, JOB["HOME"], [container.START]) == [
        f"/usr/bin/{engine}",
        "exec",
        "--contain",
        "--cleanenv",
        "--home=/home/gateway/participants/ann:/home/gateway/participants/ann",
        "--bind=/scratch:/scratch",
        "--bind=/data:/mnt/data",
        f"--bind={SHOWN}:/opt/sitekit-session:ro",
        "/shared/images/python.sif",
        "/opt/py/bin/python3",
        *START,
    ]


def test_the_command_line_of_charliecloud() -> None:
    asked = image("charliecloud", "/usr/bin/ch-run")
    assert command(asked, SHOWN, JOB["HOME"], [container.START]) == [
        "/usr/bin/ch-run",
        "--home",
        "--private-tmp",
        "--bind=/scratch:/scratch",
        "--bind=/data:/mnt/data",
        f"--bind={SHOWN}:/opt/sitekit-session",
        "/shared/images/python.sif",
        "--",
        "/opt/py/bin/python3",
        *START,
    ]


@pytest.mark.parametrize("bind", ["/etc/passwd:/etc/passwd", "/shared/names/group:/etc/group"])
def test_charliecloud_writes_no_accounts_where_a_bind_has_them(bind: str) -> None:
    """A bind cannot be mounted on the files that ch-run(1) writes."""
    asked = {**image("charliecloud", "/usr/bin/ch-run"), "binds": [bind]}
    assert "--no-passwd" in command(asked, SHOWN, JOB["HOME"], [container.START])
    others = {**asked, "binds": ["/etc/passwd:/mnt/passwd"]}
    assert "--no-passwd" not in command(others, SHOWN, JOB["HOME"], [container.START])


@pytest.mark.parametrize(
    ("engine", "prefix", "home"),
    [
        ("apptainer", "APPTAINERENV_", JOB["HOME"]),
        ("singularity", "SINGULARITYENV_", JOB["HOME"]),
        ("charliecloud", "", "/home/gateway"),
    ],
)
def test_the_environment_is_one_variable_of_listed_ones(
    engine: str, prefix: str, home: str
) -> None:
    given = environment(image(engine, "/usr/bin/engine"), JOB)
    sent = json.loads(base64.b64decode(given.pop(f"{prefix}SITEKIT_ENVIRONMENT")))
    assert given == {
        "HOME": JOB["HOME"],
        "USER": "gateway",
        "LANG": "C.UTF-8",
        "TMPDIR": "/local/42",
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    }
    names = (
        *("USER", "LOGNAME", "SHELL", "LANG", "JUPYTERHUB_API_TOKEN", "JUPYTERHUB_OAUTH_SCOPES"),
        *("JUPYTERHUB_SITEKIT_TLS", "MEM_LIMIT", "SITEKIT_SESSION", "SLURM_JOB_ID"),
    )
    assert sent == {"HOME": home, **{name: JOB[name] for name in names}}


def test_the_start_in_the_image_takes_the_jobs_variables(tmp_path: Path) -> None:
    """And none of the image that decide what Jupyter runs; others of the image stay."""
    file = Path(container.__file__).with_name("container_environment.py")
    sent = base64.b64encode(json.dumps({"HOME": str(tmp_path), "JUPYTERHUB_USER": "ann"}).encode())
    take = f"runpy.run_path({str(file)!r})['take_environment']()"
    ask = f"import json, os, runpy; {take}; print(json.dumps(dict(os.environ)))"
    done = subprocess.run(
        [sys.executable, "-I", "-c", ask],
        env={
            "SITEKIT_ENVIRONMENT": sent.decode(),
            "R_HOME": "/opt/R",
            "JUPYTER_CONFIG_PATH": "/image",
            "PYTHONPATH": "/image",
            "JUPYTERHUB_API_URL": "/image",
            "HOME": "/image",
        },
        check=True,
        capture_output=True,
        text=True,
    )
    told = json.loads(done.stdout)
    assert {name: told[name] for name in told if name != "LC_CTYPE"} == {
        "R_HOME": "/opt/R",
        "HOME": str(tmp_path),
        "JUPYTERHUB_USER": "ann",
    }


@pytest.fixture
def tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """An image file with a record of its test."""
    monkeypatch.setattr(container, "version", lambda name: "6.1.1")
    file, record = tmp_path / "python.sif", tmp_path / "python.json"
    file.write_text("an image")
    asked = {**image("apptainer", "/usr/bin/apptainer"), "path": str(file), "record": str(record)}
    content = {
        "stamps": {str(file): stamp(str(file))},
        "tested_as": container.tested_as(asked),
        "versions": {"jupyterhub": "6.1.0"},
    }
    record.write_text(json.dumps(content))
    return asked


def kind_of(why: str | None) -> str:
    """The kind of the card that a user gets for this refusal."""
    line = f"sitekit: the image python {why}"
    return next(kind for pattern, kind, *_ in CRASHES if re.search(pattern, line, re.IGNORECASE))


def test_an_image_as_it_was_tested(tested: dict[str, Any]) -> None:
    assert refusal(tested) is None


def test_a_missing_image(tested: dict[str, Any]) -> None:
    Path(tested["path"]).unlink()
    assert kind_of(refusal(tested)) == "image-missing"


def test_a_changed_image(tested: dict[str, Any]) -> None:
    file = Path(tested["path"])
    status = file.stat()
    file.write_text("an IMAGE")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert kind_of(refusal(tested)) == "image-changed"


def test_an_image_that_another_file_has_replaced(tested: dict[str, Any], tmp_path: Path) -> None:
    """With the same size and time."""
    file, other = Path(tested["path"]), tmp_path / "other"
    other.write_text("AN IMAGE")
    status = file.stat()
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(file)
    assert kind_of(refusal(tested)) == "image-changed"


def test_a_link_to_another_image(tested: dict[str, Any], tmp_path: Path) -> None:
    file, record = Path(tested["path"]), Path(tested["record"])
    link = tmp_path / "link.sif"
    link.symlink_to(file)
    as_link = {**tested, "path": str(link)}
    content = json.loads(record.read_text())
    record.write_text(json.dumps({**content, "tested_as": container.tested_as(as_link)}))
    assert refusal(as_link) is None
    link.unlink()
    (tmp_path / "other.sif").write_text("an image")
    link.symlink_to("other.sif")
    assert kind_of(refusal(as_link)) == "image-changed"


@pytest.mark.parametrize(
    "record",
    [
        None,
        "",
        "[]",
        "{}",
        '{"stamps": 3}',
        "null",
        '{"stamps": {}}',
        '{"stamps": 3, "versions": {"jupyterhub": "6.1"}}',
    ],
)
def test_an_image_without_a_valid_record(tested: dict[str, Any], record: str | None) -> None:
    file = Path(tested["record"])
    if record is None:
        file.unlink()
    else:
        file.write_text(record)
    assert kind_of(refusal(tested)) == "image-untested"


@pytest.mark.parametrize("key", ["engine", "program", "python", "binds"])
def test_an_image_that_was_tested_with_other_settings(tested: dict[str, Any], key: str) -> None:
    assert kind_of(refusal({**tested, key: "/other"})) == "image-untested"


def test_an_image_with_another_jupyterhub(
    tested: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(container, "version", lambda name: "6.2.0")
    why = refusal(tested)
    assert "6.1.0" in (why or "") and kind_of(why) == "image-untested"


def test_an_engine_that_is_missing(
    tested: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = json.loads(Path(tested["record"]).read_text())
    tested["program"] = str(tmp_path / "no-engine")
    Path(tested["record"]).write_text(
        json.dumps({**record, "tested_as": container.tested_as(tested)})
    )
    for name, value in JOB.items():
        if name in ("HOME", "USER"):
            monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        container.enter({"image": tested})
    line = str(ended.value)
    assert line.startswith("sitekit: the image python cannot be run: ")
    assert kind_of(line.removeprefix("sitekit: the image python ")) == "image-engine"
