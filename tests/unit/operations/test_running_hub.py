"""What commands refuse before they use the ledger of the running hub, and what Ctrl-C withdraws."""

from __future__ import annotations

import errno
import os
import pwd
import sqlite3
from contextlib import closing, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from sitekit.base.data_files import data
from sitekit.base.errors import BadInput, Problem
from sitekit.hub.ledger.ledger import Ledger
from sitekit.operations.running_hub import announce, drain, open_ledger
from sitekit.operations.usage_report import commands as usage
from sitekit.site import load_site

SITE = load_site(data("config/sites/demo.yml"))


def never(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("the ledger is not opened")


@pytest.mark.parametrize("module", [announce, drain])
def test_a_user_whom_the_hub_does_not_have_is_refused(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_ledger.participants_known_to_hub, "known", lambda site, names: [])
    monkeypatch.setattr(module, "need_root", lambda _: None)
    monkeypatch.setattr(module, "hubs_ledger", never)
    run = announce.message if module is announce else drain.stop_servers
    with pytest.raises(BadInput, match="the hub has no user 'alcie'"):
        run(SITE, "USER=alcie", "TEXT=stop")


def test_a_folder_that_nobody_can_write_is_refused_before_the_first_query(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> NoReturn:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(usage, "need_root", lambda _: None)
    monkeypatch.setattr(usage, "hubs_ledger", never)
    monkeypatch.setattr(usage.tempfile, "TemporaryFile", refuse)
    with pytest.raises(BadInput, match="Permission denied") as refused:
        usage.report(SITE, f"FOLDER={tmp_path}")
    assert refused.value.remedy and "FOLDER=" in refused.value.remedy


def test_an_older_hubs_ledger_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller of this test is the hub's account."""
    account = pwd.getpwuid(os.geteuid())
    monkeypatch.setattr(open_ledger.pwd, "getpwnam", lambda _: account)
    monkeypatch.setattr(open_ledger, "acting_as", lambda *_: nullcontext())
    path = tmp_path / "ledger.sqlite"
    Ledger(path).drains()
    site: Any = SimpleNamespace(hub=SITE.hub, ledger=path)
    with open_ledger.hubs_ledger(site, writes=False) as opened:
        assert opened.announcements() == []
    with closing(sqlite3.connect(path)) as older:
        older.execute("DROP TABLE announcements")
    with pytest.raises(Problem, match="older sitekit") as refused, open_ledger.hubs_ledger(site):
        pass
    assert refused.value.where == str(path) and "docs/updating.md" in str(refused.value.remedy)


def test_ctrl_c_withdraws_an_order_that_the_hub_has_not_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: float) -> NoReturn:
        raise KeyboardInterrupt

    written = Ledger(tmp_path / "ledger.sqlite")
    monkeypatch.setattr(drain, "need_root", lambda _: None)
    monkeypatch.setattr(drain, "refuse_unknown", lambda *_: None)
    monkeypatch.setattr(drain, "hubs_ledger", lambda _: nullcontext(written))
    monkeypatch.setattr(drain.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        drain.stop_servers(SITE, "USER=alice")
    assert written.open_stops() == [] and "withdrawn" in capsys.readouterr().out
