"""What `make report`, `make message` and `make stop_servers` refuse before anything is read."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any, NoReturn

import pytest

from sitekit.base.data import data
from sitekit.base.errors import BadInput
from sitekit.operations.running_hub import announce, drain, ledger
from sitekit.operations.usage_report import commands as usage
from sitekit.site import load_site

SITE = load_site(data("config/sites/demo.yml"))


def never(*_: Any, **__: Any) -> NoReturn:
    raise AssertionError("the ledger is not opened")


@pytest.mark.parametrize("module", [announce, drain])
def test_a_user_whom_the_hub_does_not_have_is_refused(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger.hub_users, "known", lambda site, names: [])
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
