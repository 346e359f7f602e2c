"""`make accounts_remove END=1` ends the servers of participants on both engines, and leaves nothing."""

from __future__ import annotations

import pwd
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from sitekit.machine.participants import account_record
from sitekit.site.show import dump

from ..participants.conftest import Kit, contents
from ..person import Person
from ..slurm import until
from .conftest import Workshop
from .test_servers import containers, units

PREFIX, ON = "course", {"course01": "docker", "course02": "systemd"}


@pytest.fixture
def kit(workshop: Workshop, tmp_path: Path) -> Iterator[Kit]:
    """The commands for the site; afterwards the accounts are gone, also after a failure."""
    file = tmp_path / "site.yml"
    file.write_text(dump(workshop.site))
    one = Kit(workshop.site, file)
    yield one
    one.run("accounts_remove", f"PREFIX={PREFIX}", "DATA=remove", "END=1")


def passwords(kit: Kit) -> dict[str, str]:
    known = account_record.load(kit.site, PREFIX)
    assert known is not None
    return {person.name: person.password for person in known.participants}


def test_servers_are_ended_and_accounts_removed(workshop: Workshop, kit: Kit) -> None:
    before = contents()
    code, printed = kit.run("accounts", "COUNT=2", f"PREFIX={PREFIX}", "GROUP=training")
    assert code == 0, printed

    def start(name: str) -> None:
        person = people[name]
        person.login()
        told = person.start(ON[name])
        assert told[-1].get("ready"), told

    with ExitStack() as stack:
        people = {
            name: stack.enter_context(Person(name, word, kit.site.front.url))
            for name, word in passwords(kit).items()
        }
        with ThreadPoolExecutor() as pool:
            list(pool.map(start, people))
        assert len(containers()) == len(units(workshop)) == 1
        words = ["accounts_remove", f"PREFIX={PREFIX}", "DATA=remove"]
        code, printed = kit.run(*words)
        assert code == 2 and "these users have servers: course01, course02" in printed, printed
        assert len(containers()) == len(units(workshop)) == 1, "a refusal changes nothing"
        code, printed = kit.run(*words, "END=1")
        assert code == 0 and "the same bytes as before" in printed, printed
        until(lambda: containers() == units(workshop) == [], 180)
    assert {
        path: text for path, (text, *_) in contents().items() if not path.name.endswith("-")
    } == {path: text for path, (text, *_) in before.items() if not path.name.endswith("-")}
    for name in ON:
        assert not Path("/home", name).exists()
        with pytest.raises(KeyError):
            pwd.getpwnam(name)
