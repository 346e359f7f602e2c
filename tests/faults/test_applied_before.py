"""Files of an older `make apply` and a newer release: what they call by name is there, and servers
start.

The release changes by a link; the files on the machine change at the next `make apply`. In between
the hub may be restarted at any time. `applied_before/` has the files as sitekit wrote them before
its modules were moved to their present places.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..person import Person
from .agreement import answers
from .machine import Machine, changed

BEFORE = Path(__file__).with_name("applied_before")


@pytest.fixture
def older_files(machine: Machine) -> Iterator[None]:
    """The hub runs with its configuration of before."""
    with changed(
        machine.site.etc / "jupyterhub_config.py",
        lambda _: (BEFORE / "jupyterhub_config.py").read_text(),
    ):
        with machine.stopped("hub"):
            pass
        yield
    with machine.stopped("hub"):
        pass


@pytest.mark.usefixtures("older_files")
def test_a_server_starts_with_the_hubs_older_files(people: dict[str, Person]) -> None:
    assert people["alice"].start("small")[-1].get("ready")
    assert answers(people["alice"], "") == 200


def test_the_cullers_older_file_is_read(machine: Machine) -> None:
    program = "from traitlets.config import Config; c = Config(); exec(open(__file__).read()); print(list(c))"
    code = program.replace("open(__file__)", f"open({str(BEFORE / 'culler_config.py')!r})")
    argv = [
        machine.site.current / "bin/python",
        "-I",
        "-c",
        f"__file__ = {str(machine.site.etc / 'x.py')!r}; {code}",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "IdleCuller" in done.stdout, done.stderr
