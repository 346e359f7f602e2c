"""Groups that the machine's sshd refuses: who may not be in them, and whether sshd reads the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from machine_sites import bare_machine, demo, family

from sitekit.base.errors import BadInput
from sitekit.machine.checks.ssh_lockout import check_nobody_locked_out
from sitekit.machine.host.target import Target
from sitekit.machine.render.rendered_files import render
from sitekit.machine.system_sshd.deny_groups import check_included, denied_path

SITE = demo(login={"deny_ssh": ["workshop"]})
INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    root = bare_machine(tmp_path)
    (root / "etc/ssh").mkdir()
    with (root / "etc/group").open("a") as file:
        file.write("workshop:x:2001:training01\nsudo:x:27:anna\n")
    return root


def group(machine: Path, *members: str) -> None:
    path = machine / "etc/group"
    path.write_text(path.read_text().replace("training01", ",".join(members)))


@pytest.mark.parametrize(
    "text",
    [
        INCLUDE,
        "# Match\n  include   sshd_config.d/*.conf\nMatch User x\n",
        "Port 22\nInclude=/etc/ssh/*.d/*\n",
        'Include /etc/elsewhere "/etc/ssh/sshd_config.d/*.conf"',
    ],
)
def test_an_include_before_the_first_match_is_enough(machine: Path, text: str) -> None:
    (machine / "etc/ssh/sshd_config").write_text(text)
    check_included(Target(SITE, machine))


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"#{INCLUDE}",
        f"Match User anna\n{INCLUDE}\n",
        "Include /etc/ssh/sshd_config.d/*.local",
        "IncludeX /etc/ssh/sshd_config.d/*.conf",
    ],
)
def test_without_it_the_line_to_add_is_named(machine: Path, text: str) -> None:
    (machine / "etc/ssh/sshd_config").write_text(text)
    with pytest.raises(BadInput) as refused:
        check_included(Target(SITE, machine))
    assert str(refused.value.remedy).endswith(INCLUDE)
    check_included(Target(demo(), machine))


def test_a_machine_without_sshd_has_nothing_to_refuse(machine: Path) -> None:
    check_included(Target(SITE, machine))


@pytest.mark.parametrize("locked", ["root", "anna", "boss", "caller"])
def test_no_administrator_is_locked_out(
    machine: Path, locked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root, members of sudo's group and of the admin group, and who runs sudo now."""
    with (machine / "etc/group").open("a") as file:
        file.write("bosses:x:2002:boss\n")
    monkeypatch.setenv("SUDO_USER", "caller")
    site = demo(login={"deny_ssh": ["workshop"], "admin_groups": ["bosses"]})
    check_nobody_locked_out(site, machine)
    group(machine, "training01", locked)
    with pytest.raises(BadInput, match=locked):
        check_nobody_locked_out(site, machine)


def test_the_file_names_each_group_and_belongs_to_one_site() -> None:
    file = render(SITE, family())[denied_path(SITE)]
    assert file.content.splitlines()[1:] == ["DenyGroups workshop"] and file.mode == 0o644
    assert denied_path(SITE).name == "50-sitekit-demo.conf"
    assert denied_path(SITE) not in render(demo(), family())
