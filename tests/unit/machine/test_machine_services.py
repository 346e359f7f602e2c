"""Services as text: what reaches the program must be what the Service says, under both supervisors."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path

import pytest
from machine_sites import demo, family

from sitekit.machine.render.services_of_site import site_services
from sitekit.machine.supervisors.service import Service, supervisord_conf, systemd_unit

SOCKET, LOG = Path("/run/x/s.sock"), Path("/var/log/x")


def section(service: Service) -> dict[str, str]:
    """What supervisord reads, by its own parser's settings (supervisor/options.py,
    UnhosedConfigParser)."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    parser.read_string(supervisord_conf([service], socket=SOCKET, log=LOG))
    return {key: value % {} for key, value in parser[f"program:{service.name}"].items()}


def unit(service: Service) -> list[str]:
    return systemd_unit(service).splitlines()


def test_systemd_words_are_quoted_and_nothing_expands():
    lines = unit(
        Service(
            "x",
            "100% sure",
            (
                "/bin/echo",
                "a b",
                "100%",
                "$HOME",
                'say "hi"',
                "it's",
                "",
                "back\\slash",
                "two\nlines",
            ),
        )
    )
    assert (
        'ExecStart=/bin/echo "a b" 100%% $$HOME "say \\"hi\\"" "it\'s" "" "back\\\\slash" "two\\nlines"'
        in lines
    )
    assert "Description=100%% sure" in lines


def test_systemd_environment_keeps_blanks_and_percents():
    lines = unit(Service("x", "x", ("/bin/true",), environment={"A": "b c", "P": "50%"}))
    assert 'Environment="A=b c"' in lines and "Environment=P=50%%" in lines


def test_supervisord_gives_back_the_words():
    words = ("/bin/echo", "a b", "100%", "$HOME", 'say "hi"', "it's", "")
    assert shlex.split(section(Service("x", "x", words))["command"]) == list(words)


def test_supervisord_reads_the_secrets_file_and_changes_the_group():
    service = Service(
        "x", "x", ("/bin/true",), user="u", group="g", environment_files=(Path("/etc/secret"),)
    )
    words = shlex.split(section(service)["command"])
    assert words[:5] == ["/bin/sh", "-c", 'set -a; . "$1"; shift; exec "$@"', "sh", "/etc/secret"]
    assert words[5:] == ["/usr/bin/setpriv", "--reuid=u", "--regid=g", "--init-groups", "/bin/true"]
    assert "user" not in section(service), "setpriv has to start as root"


@pytest.mark.parametrize("word", ["two\nlines", "a ;comment", "a #comment"])
def test_supervisord_refuses_what_its_file_cannot_carry(word: str):
    with pytest.raises(ValueError, match=r"supervisord\.conf cannot carry"):
        supervisord_conf([Service("x", "x", ("/bin/echo", word))], socket=SOCKET, log=LOG)
    with pytest.raises(ValueError, match=r"supervisord\.conf cannot carry"):
        supervisord_conf(
            [Service("x", "x", ("/bin/echo",), environment={"A": f'{word}"'})],
            socket=SOCKET,
            log=LOG,
        )


@pytest.mark.parametrize(
    ("mode", "stop", "kill"),
    [("control-group", "true", "true"), ("mixed", "false", "true"), ("process", "false", "false")],
)
def test_kill_mode_means_the_same_under_both(mode: str, stop: str, kill: str):
    service = Service("x", "x", ("/bin/true",), kill_mode=mode)
    assert (section(service)["stopasgroup"], section(service)["killasgroup"]) == (stop, kill)
    assert f"KillMode={mode}" in unit(service)


def test_a_runtime_directory_outside_of_run_is_refused():
    with pytest.raises(ValueError, match="/var/x"):
        systemd_unit(Service("x", "x", ("/bin/true",), runtime_directories=(Path("/var/x"),)))


def test_no_service_of_the_site_shows_the_token_or_runs_as_root_but_apache():
    services = site_services(demo(), family())
    assert [(s.name, s.user) for s in services] == [
        ("sitekit-demo-proxy", "jupyterhub-proxy"),
        ("sitekit-demo-hub", "jupyterhub-daemon"),
        ("sitekit-demo-front", "root"),
    ]
    assert not any("TOKEN" in str(s.environment) + str(s.command) for s in services)


def test_only_the_hub_may_gain_privileges():
    units = {s.name: systemd_unit(s) for s in site_services(demo(), family())}
    implied = (
        "NoNewPrivileges=yes",
        "Restrict",
        "SystemCall",
        "LockPersonality",
        "PrivateDevices",
        "ProtectKernel",
        "ProtectClock",
        "ProtectHostname",
    )
    settings = [line for line in units["sitekit-demo-hub"].splitlines() if not line.startswith("#")]
    assert not [line for line in settings if line.startswith(implied)], "sudo would not work"
    assert all(
        "NoNewPrivileges=yes" in text for name, text in units.items() if not name.endswith("-hub")
    )


def test_ipv6_addresses_of_the_hub_are_urls_in_brackets():
    proxy = site_services(demo(hub={"address": "fd00::1"}), family())[0]
    assert "https://[fd00::1]:18081" in proxy.command
