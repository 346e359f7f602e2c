"""The hub's part of tunnels: a port for each server, and a file for sshd while the server runs."""

from __future__ import annotations

import socket
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from golden_sites import site_of

from sitekit.backends.start_and_job_records import Refused
from sitekit.contracts import tunnel_paths
from sitekit.hub.ledger.ledger import Ledger
from sitekit.hub.servers import open_tunnels as tunnels_of_hub
from sitekit.hub.servers.open_tunnels import Tunnels

SITE, _ = site_of("demo-tunnel")


class Signer:
    """In the place of the signer, which needs the hub's environment; tests/ssh has the real one."""

    def issue(self, tag: str, port: int, lasts: timedelta) -> str:
        return f"{tag} {port}"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "entries").mkdir()
    monkeypatch.setattr(tunnels_of_hub, "entries", lambda site: tmp_path / "entries")
    return tmp_path / "entries"


def tunnels(ledger: Ledger, low: int = 12000, high: int = 12999) -> Tunnels:
    assert SITE.slurm.ssh and SITE.tunnel
    narrow = SITE.tunnel.model_copy(update={"ports": (low, high)})
    ssh = SITE.slurm.ssh.model_copy(update={"tunnel": narrow})
    slurm = SITE.slurm.model_copy(update={"ssh": ssh})
    made = Tunnels(SITE.model_copy(update={"slurm": slurm}), ledger)
    made.__dict__["_certificates"] = Signer()
    return made


def start(ledger: Ledger, user: str = "alice") -> str:
    return ledger.record_intent(user, "", None, {"tier": "small"})


def there(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_each_server_has_a_port_of_its_own(ledger: Ledger, folder: Path) -> None:
    # three ports that no other test uses
    opened, hour = tunnels(ledger, 32000, 32002), timedelta(hours=1)
    tags = [start(ledger) for _ in range(3)]
    sent = [opened.open(tag, hour)[tunnel_paths.SENT] for tag in tags]
    assert there(folder) == dict(line.split() for line in sent)
    assert sorted(there(folder).values()) == ["32000", "32001", "32002"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o640}
    with pytest.raises(Refused, match="no port from 32000 to 32002"):
        opened.open(start(ledger), hour)
    ledger.end(tags[0])
    opened.agree(opened.listed())
    assert there(folder).keys() == {*tags[1:]}
    assert opened.open(start(ledger), hour)


def test_a_port_on_which_a_program_listens_is_not_allotted(ledger: Ledger, folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Refused):
            tunnels(ledger, port, port).open(start(ledger), timedelta(hours=1))


def test_after_a_crash_the_files_agree_with_the_ledger(ledger: Ledger, folder: Path) -> None:
    opened = tunnels(ledger)
    tag, ended = start(ledger), start(ledger)
    for one in (tag, ended):
        opened.open(one, timedelta(hours=1))
    before = there(folder)
    ledger.end(ended)
    (folder / tag).unlink()
    (folder / ("f" * 16)).write_text("12001")
    (folder / "notes").write_text("of an administrator")
    again = tunnels(ledger)
    again.agree(again.listed())
    assert there(folder) == {tag: before[tag], "notes": "of an administrator"}


def test_a_folder_that_cannot_be_written_is_said_in_words(ledger: Ledger, folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(Refused, match=r"cannot be opened: .*entries"):
        tunnels(ledger).open(start(ledger), timedelta(hours=1))


def test_the_hub_uses_the_allotted_port_whatever_the_server_reports(ledger: Ledger) -> None:
    tag, other = start(ledger), start(ledger)
    assert ledger.record_tunnel(tag, 12000) and not ledger.record_tunnel(other, 12000)
    assert ledger.record_port(tag, 20001) and ledger.record_port(other, 20002)
    rows = {row.tag: row.port for row in ledger.open()}
    assert rows == {tag: 12000, other: 20002}
    assert ledger.has_tunnel(tag) and not ledger.has_tunnel(other)


def test_a_ledger_from_before_tunnels_gets_their_table(ledger: Ledger, tmp_path: Path) -> None:
    tag = start(ledger)
    with sqlite3.connect(tmp_path / "ledger.sqlite") as before:
        before.execute("DROP TABLE tunnels")
    later = Ledger(tmp_path / "ledger.sqlite")
    assert later.record_tunnel(tag, 12000) and later.open_tunnels() == {tag: 12000}
