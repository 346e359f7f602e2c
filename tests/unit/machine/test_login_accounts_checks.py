"""What `make apply` refuses of logins at a provider: secrets, gateway accounts, lists of accounts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from machine_sites import bare_machine, demo, family

from sitekit.base.errors import BadInput
from sitekit.machine.checks.account_mapping import check_accounts
from sitekit.machine.checks.secret_file_modes import check_secrecy
from sitekit.machine.host.target import Target
from sitekit.machine.render.accounts import memberships
from sitekit.machine.render.machine_secrets import generated_paths, hub_secret
from sitekit.machine.render.services_of_site import site_services
from sitekit.machine.render.sudo_and_pam import pam, sudoers
from sitekit.machine.web.check_provided_files import check_brought
from sitekit.site import Site

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs files of root's")
FILE, SECRET = Path("/etc/jupyter-accounts"), Path("/etc/jupyter-login")


def at_github(accounts: Any = "same", **changes: Any) -> Site:
    login = {
        "method": "github",
        "admin_groups": [],
        "allowed_groups": [] if "gateway" in accounts else ["jupyter-users"],
        "provider": {"client_id": "jupyter", "client_secret": str(SECRET)},
        "allow": {"users": ["alice"]},
        "accounts": accounts,
    }
    return demo(login=login, **changes)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    root = bare_machine(tmp_path)
    with (root / "etc/passwd").open("a") as file:
        file.write("gateway:x:1500:1500::/home/gateway:/bin/sh\nbackup:x:34:34::/var:/bin/sh\n")
    return root


def put(root: Path, path: Path, text: str, mode: int) -> Path:
    real = root / path.relative_to("/")
    real.write_text(text)
    real.chmod(mode)
    return real


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nobodys", "there is no account"),
        ("backup", "an account of the system"),
        ("jupyterhub-daemon", "the site's own account"),
    ],
)
def test_a_gateway_account_that_the_gate_would_refuse(machine: Path, name: str, why: str) -> None:
    check_accounts(at_github({"gateway": "gateway"}), machine)
    with pytest.raises(BadInput, match=why):
        check_accounts(at_github({"gateway": name}), machine)


@as_root
@pytest.mark.parametrize("way", ["file", "command"])
def test_a_mapping_is_roots_alone(machine: Path, way: str) -> None:
    site = at_github({way: str(FILE)})
    with pytest.raises(BadInput, match="is not there"):
        check_accounts(site, machine)
    real = put(machine, FILE, "", 0o755)
    check_accounts(site, machine)
    for mode, why in ((0o775, "other accounts than root can write"), (0o700, "the hub cannot")):
        real.chmod(mode)
        with pytest.raises(BadInput, match=why):
            check_accounts(site, machine)
    real.chmod(0o755)
    os.chown(real, 1500, 1500)
    with pytest.raises(BadInput, match="other accounts than root can write"):
        check_accounts(site, machine)


@pytest.mark.parametrize("text", ["", "short", "two words 12345", "with'quote123", 'a"quote123'])
def test_a_secret_that_no_shell_reads_as_it_is(machine: Path, text: str) -> None:
    put(machine, SECRET, text, 0o600)
    with pytest.raises(BadInput, match="does not contain the client secret"):
        check_brought(Target(at_github(), machine))


@as_root
def test_a_secret_that_people_can_read(machine: Path) -> None:
    real = put(machine, SECRET, "a-good-secret", 0o644)
    for folder in (machine, *machine.parents):
        if folder != Path("/tmp") and folder.is_relative_to("/tmp"):
            folder.chmod(0o755)
    with pytest.raises(BadInput, match="everybody"):
        check_secrecy(Target(at_github(), machine))
    real.chmod(0o600)
    check_secrecy(Target(at_github(), machine))


@pytest.mark.parametrize(
    ("supervisor", "mode", "group"),
    [("systemd", 0o600, None), ("supervisord", 0o640, "jupyterhub-daemon")],
)
def test_the_hub_alone_gets_the_secret(
    machine: Path, supervisor: str, mode: int, group: str | None
) -> None:
    site = at_github(supervisor=supervisor)
    put(machine, SECRET, "a$good`secret\n", 0o600)
    [(path, file)] = hub_secret(Target(site, machine)).items()
    assert file.content == "OAUTH_CLIENT_SECRET='a$good`secret'\n"
    assert (file.mode, file.group_of, file.owner) == (mode, group, "root")
    assert path in generated_paths(site) and path not in generated_paths(demo())
    reads = {one.name: path in one.environment_files for one in site_services(site, family())}
    assert reads == {name: name.endswith("-hub") for name in reads}


def test_no_password_is_checked() -> None:
    site = at_github()
    assert pam(site, family()) == {} and pam(site, family("el")) == {}
    assert {one.group for one in memberships(site, family())} == {""}


def test_a_gateway_is_the_one_account_of_the_rules() -> None:
    [rules] = sudoers(at_github({"gateway": "gateway"}), family()).values()
    lines = [line for line in rules.content.splitlines() if "NOPASSWD" in line]
    assert len(lines) == 2 and all("ALL=(gateway, !root, !#0," in line for line in lines)
