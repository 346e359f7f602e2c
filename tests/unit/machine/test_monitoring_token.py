"""The token for metrics: two files with the same token, of root, and for Prometheus' group alone."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest
from machine_sites import bare_machine, can_change, demo, family

from sitekit.base.errors import BadInputs
from sitekit.machine.apply.commands import apply, plan_apply
from sitekit.machine.apply.rotate_secrets import rotate_secrets

pytestmark = can_change
FOLDER = "etc/sitekit/demo/monitoring"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    return bare_machine(tmp_path)


def add(machine: Path, file: str, row: str) -> None:
    with (machine / "etc" / file).open("a") as rest:
        rest.write(f"{row}\n")


def token(machine: Path) -> str:
    texts = {(machine / FOLDER / name).read_text() for name in ("token", "hub_token")}
    assert len(texts) == 1
    [text] = texts
    assert re.fullmatch("[0-9a-f]{64}\n", text)
    return text


def test_it_is_kept_until_it_is_rotated(machine: Path) -> None:
    site = demo()
    apply(site, root=machine)
    first = token(machine)
    apply(site, root=machine)
    assert token(machine) == first
    assert first.strip() not in (machine / FOLDER / "scrape.yml").read_text()
    assert rotate_secrets(site, root=machine) == 0
    assert token(machine) != first
    assert not plan_apply(site, family(), machine).changes


def test_if_one_copy_is_lost_both_are_new(machine: Path) -> None:
    apply(demo(), root=machine)
    first = token(machine)
    (machine / FOLDER / "hub_token").unlink()
    apply(demo(), root=machine)
    assert token(machine) != first, "both are new: the other copy may be known to others"


def test_the_group_of_prometheus_may_read_it(machine: Path) -> None:
    site = demo(monitoring={"prometheus_user": "prometheus"})
    with pytest.raises(BadInputs, match="there is no account prometheus"):
        apply(site, root=machine)
    add(machine, "passwd", "prometheus:x:105:509::/var/lib/prometheus:/usr/sbin/nologin")
    add(machine, "group", "prometheus:x:509:")
    apply(site, root=machine)
    own = (machine / FOLDER / "token").stat()
    assert (own.st_uid, own.st_gid, stat.S_IMODE(own.st_mode)) == (0, 509, 0o640)
    assert (machine / FOLDER / "hub_token").stat().st_gid != 509


def test_a_group_with_people_is_refused(machine: Path) -> None:
    add(machine, "passwd", "prometheus:x:105:509::/var/lib/prometheus:/usr/sbin/nologin")
    add(machine, "group", "prometheus:x:509:alice")
    with pytest.raises(BadInputs, match="alice is in prometheus's group"):
        apply(demo(monitoring={"prometheus_user": "prometheus"}), root=machine)
