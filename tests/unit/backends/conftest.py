"""A site whose hub reaches Slurm through a login node, and a script in the place of ssh. The hub waits
long for the scripts in the place of Slurm's programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sitekit.backends.slurm import free_resources, transport
from sitekit.backends.slurm import ssh as over_ssh
from sitekit.backends.slurm.run_local_program import Answer, run_program
from sitekit.base.data_files import data
from sitekit.site import Site, load_site

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHhCV8pGy6ZBC3j9VwQkMCT1XyB3zSkDPj8kIXbBzq8Q"
NODE = {"host": "login.example.org", "account": "gw", "host_keys": [KEY], "prefix": "/shared/j"}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a program for minutes where the hub waits for 1 to 60 s: on a busy machine, a script
    may answer late. The limits below a second are those of tests of a silent program."""

    async def run_patiently(
        argv: list[str],
        environment: dict[str, str],
        given: str = "",
        timeout: float = 8,
        *more: Any,
    ) -> Answer:
        limit = timeout if timeout < 1 else max(timeout, 300)
        return await run_program(argv, environment, given, limit, *more)

    for module in (transport, over_ssh):
        monkeypatch.setattr(module, "run_program", run_patiently)
    monkeypatch.setattr(free_resources, "PATIENCE", 600)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    values = load_site(data("config/sites/demo.yml")).model_dump(mode="json")
    values["slurm"]["ssh"] = NODE
    values["paths"]["state"] = str(tmp_path)
    return Site.model_validate(values)


@pytest.fixture
def plays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Put a script in the place of ssh; the folder with its arguments and its standard input."""

    def play(answer: str, code: int = 0, error: str = "") -> Path:
        (tmp_path / "answer").write_text(answer)
        program = tmp_path / "ssh-client"
        program.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/words\ncat > {tmp_path}/given\n'
            f"cat {tmp_path}/answer\necho '{error}' >&2\nexit {code}\n"
        )
        program.chmod(0o755)
        monkeypatch.setattr(over_ssh, "SSH", str(program))
        return tmp_path

    return play
