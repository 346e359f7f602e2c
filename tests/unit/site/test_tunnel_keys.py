"""The section slurm.ssh.tunnel: what does not go with it is refused, with the key and a remedy."""

from __future__ import annotations

import pytest
from machine_sites import demo

from sitekit.contracts.gate_config import gate_config
from sitekit.contracts.internal_tls import hub_url
from sitekit.contracts.tunnel_paths import host
from sitekit.site import Site

SSH = {
    "host": "login.example.org",
    "account": "jupyterhub-gate",
    "host_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHhCV8pGy6ZBC3j9VwQkMCT1XyB3zSkDPj8kIXbBzq8Q"],
    "prefix": "/shared/jupyter",
}  # fmt: skip
PORTS = {"ports": [12000, 12999]}


def site(tunnel: dict[str, object] | None, **other: object) -> Site:
    ssh = SSH if tunnel is None else {**SSH, "tunnel": PORTS | tunnel}
    return demo(**{"hub": {"address": "192.0.2.10"}, "slurm": {"ssh": ssh}, **other})


def test_with_tunnels_the_hub_listens_for_its_own_machine_alone() -> None:
    assert hub_url(site(None)) == "https://192.0.2.10:18081"
    with_tunnels = site({})
    assert hub_url(with_tunnels) == "https://127.0.0.1:18081"
    assert host(with_tunnels) == "192.0.2.10"
    assert host(site({"host": "hub.example.org"})) == "hub.example.org"
    never = gate_config(with_tunnels)["never"]
    assert never == ["root", "jupyterhub-daemon", "jupyterhub-proxy", "jupyterhub-tunnel"]


@pytest.mark.parametrize(
    ("tunnel", "other", "said"),
    [
        ({}, {"internal_tls": False}, "leave internal_tls on"),
        ({}, {"hub": {"address": "127.0.0.1"}}, "at which they reach it"),
        ({"user": "jupyterhub-daemon"}, {}, "is hub.user"),
        ({"user": "jupyterhub-proxy"}, {}, "is proxy.user"),
        ({"user": "jupyterhub-gate"}, {}, "is slurm.ssh.account"),
        ({"user": "root"}, {}, "would run as root"),
        ({"port": 18081}, {}, "port 18081 is already the port of hub.port"),
        ({"ports": [18000, 18000]}, {}, "the port 18000 of proxy.port is one of these ports"),
        ({"ports": [8000, 9000]}, {}, "the port 8022 of slurm.ssh.tunnel.port is one of these"),
        ({"ports": [9000, 8000]}, {}, "port of a range"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_does_not_go_with_tunnels_is_refused(
    tunnel: dict[str, object], other: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        site(tunnel, **other)
