"""A server's unit that failed without a record of its end gets the record from systemd."""

from __future__ import annotations

import json
import pwd
import time
from typing import Any

import pytest

from ..slurm import until
from .conftest import Workshop
from .machine import run
from .test_servers import units


# systemd-run makes `$` of `$$`
@pytest.mark.parametrize(("script", "code", "number"), [("exit 3", 3, 0), ("kill -9 $$$$", 0, 9)])
def test_a_unit_that_failed_without_a_record_gets_one(
    workshop: Workshop, script: str, code: int, number: int
) -> None:
    """systemd cannot always run ExecStopPost=; here the unit has none."""
    tag, place = f"{number:016x}", workshop.site.run / "servers"
    job = f"{workshop.site.job_name}-{tag}"
    record = {"account": "trainee3", "uid": pwd.getpwnam("trainee3").pw_uid, "seconds": 7200}
    (place / f"{tag}.json").write_text(json.dumps({**record, "started": time.time() - 60}))
    run("systemd-run", "--quiet", f"--unit={job}", "/bin/sh", "-c", script)
    asked = json.dumps({"verb": "query", "engine": "systemd", "job": job})
    try:

        def ended() -> list[dict[str, Any]]:
            answer = json.loads(run(workshop.site.libexec / "local_gate", given=asked))
            return [one for one in answer["jobs"] if one["state"] == "ended"]

        [one] = until(ended, 120)
        assert (one["exit_code"], one["signal"], one["oom"]) == (code, number, False)
        assert 60 <= one["elapsed"] < one["limit"]
        assert f"{job}.service" not in units(workshop), "systemd remembers the failed unit"
    finally:
        for path in place.glob(f"{tag}.*"):
            path.unlink()


def test_units_of_another_site_are_left_alone(workshop: Workshop) -> None:
    """The name of the site workshop-vm-2 begins like that of this one."""
    job = f"{workshop.site.job_name}-2-{0:016x}"
    run("systemd-run", "--quiet", f"--unit={job}", "/bin/false")
    asked = json.dumps({"verb": "query", "engine": "systemd"})
    try:
        shown = ("systemctl", "show", "--value", "--property=ActiveState", job)
        until(lambda: run(*shown) == "failed")
        run(workshop.site.libexec / "local_gate", given=asked)
        assert run(*shown) == "failed"
    finally:
        run("systemctl", "reset-failed", job)
