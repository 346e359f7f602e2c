"""Define the services of a site: always the proxy and the hub. Some sites also have an sshd for
tunnels, a service for the network and the time limits of containers, or a separate web server."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ...base.errors import Problem
from ...contracts import tunnel_paths
from ...contracts.internal_tls import authority, certificate_and_key, hub_url
from ...site import Site
from ..host.platform import Platform
from ..supervisors.check_services_answer import (
    front_answers,
    has_address,
    hub_answers,
    proxy_answers,
    tunnel_answers,
)
from ..supervisors.control import (
    Supervisor,
    SupervisordSupervisor,
    SystemdSupervisor,
    which_supervisor,
)
from ..supervisors.service import Service
from ..web.config import RELOAD, front_path, server
from .proxy_preloads import node_options
from .timers import timers


def site_services(site: Site, platform: Platform) -> list[Service]:
    """Return the site's services in the order in which they start.

    This function reads nothing from the machine. The `ready` functions of the returned services
    read the machine's state when they are called.
    """
    services = [*_containers(site), _proxy(site), _hub(site), *_tunnel(site)]
    return [*services, _front(site, platform)] if site.front.instance == "own" else services


def site_supervisor(site: Site) -> Supervisor:
    """Return the supervisor (systemd or supervisord) that site.yml names."""
    if site.supervisor == "systemd":
        return SystemdSupervisor()
    return SupervisordSupervisor(
        conf=site.etc / "supervisord.conf",
        control=site.run / "supervisor.sock",
        log_folder=site.log,
        program=site.current / "bin" / "supervisord",
    )


def running_supervisor(site: Site) -> Supervisor:
    """Return the supervisor that site.yml names, after a check that this supervisor can run on this
    machine.

    Raises Problem if site.yml names systemd, but systemd is not PID 1.
    """
    if site.supervisor == "systemd" and which_supervisor() != "systemd":
        remedy = "write `supervisor: supervisord` into the site file"
        raise Problem("systemd is not PID 1 on this machine", "supervisor", remedy)
    return site_supervisor(site)


def _proxy(site: Site) -> Service:
    """Return the service that runs configurable-http-proxy."""
    users = ("--ip", "127.0.0.1", "--port", str(site.proxy.port))
    api = ("--api-ip", "127.0.0.1", "--api-port", str(site.proxy.api_port))
    fallback = ("--default-target", hub_url(site), "--error-target", f"{hub_url(site)}/hub/error")
    names: tuple[str, ...] = ("--host-routing",) if site.front.subdomains else ()
    names += _tls(site) if site.internal_tls else ()
    return Service(
        name=site.service("proxy"),
        description=f"configurable-http-proxy of the site {site.name}",
        command=(f"{site.current}/bin/configurable-http-proxy", *users, *api, *fallback, *names),
        user=site.proxy.user,
        environment=_environment(site) | node_options(site),
        environment_files=(site.etc / "proxy.env",),
        mounts=(site.paths.prefix,),
        pauses=_pauses(site, "proxy"),
        umask="0077",
        template="proxy",
        ready=partial(proxy_answers, site),
    )


def _containers(site: Site) -> list[Service]:
    """Return the service that creates the containers' network and ends containers at their time
    limit, if a tier runs on Docker.
    """
    if "docker" not in site.backends:
        return []
    return [
        Service(
            name=site.service("containers"),
            description=f"Network and time limits of the containers of the site {site.name}",
            command=(f"{site.libexec}/container_service",),
            environment={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
            pauses=_pauses(site, "containers"),
            kill_mode="mixed",  # child programs, such as iptables, can finish their work
            ready=partial(has_address, site.docker.gateway),
        )
    ]


def _tls(site: Site) -> tuple[str, ...]:
    """Return the proxy's command-line options with which both ports of the proxy require a client
    certificate.

    The web server sends users' requests to one port of the proxy, and the hub uses the proxy's API
    at the other port. Without client certificates, every user of this host could bypass the web
    server, or listen on one of these ports while the proxy is down.
    """
    own, trusted = str(certificate_and_key(site, "proxy")), str(authority(site, "services"))
    words: tuple[str, ...] = ()
    for port in ("--", "--api-"):
        words += (f"{port}ssl-key", own, f"{port}ssl-cert", own, f"{port}ssl-ca", trusted)
        words += (f"{port}ssl-request-cert", f"{port}ssl-reject-unauthorized")
    return words


def _hub(site: Site) -> Service:
    """Return the service that runs JupyterHub."""
    local = site.slurm.conf and site.slurm.ssh is None and "slurm" in site.backends
    slurm = {"SLURM_CONF": str(site.slurm.conf)} if local else {}
    secret = ("hub.env",) if site.login.method != "pam" else ()
    return Service(
        name=site.service("hub"),
        description=f"JupyterHub of the site {site.name}",
        command=(f"{site.current}/bin/jupyterhub", "-f", f"{site.etc}/jupyterhub_config.py"),
        user=site.hub.user,
        environment=_environment(site) | {"HOME": str(site.paths.state)} | slurm,
        environment_files=tuple(site.etc / name for name in ("proxy.env", *secret)),
        directory=site.paths.state,
        mounts=(
            site.paths.prefix,
        ),  # the state folder is omitted, because systemd already waits for it (WorkingDirectory=)
        pauses=_pauses(site, "hub"),
        after=(*(service.name for service in _containers(site)), site.service("proxy")),
        wants=timers(site),
        kill_mode="process",  # a stop of the hub must not end its child processes, which work for users
        heartbeat_seconds=60,
        umask="0077",
        template="hub",
        ready=partial(hub_answers, site),
    )


def _tunnel(site: Site) -> list[Service]:
    """Return the service that runs the site's own sshd, if the site has tunnels."""
    if site.tunnel is None:
        return []
    return [
        Service(
            name=site.service("tunnel"),
            description=f"sshd for tunnels of the site {site.name}",
            command=(f"{site.libexec}/tunnel_sshd",),
            user=site.tunnel.user,
            environment={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            runtime_directories=(tunnel_paths.connections(site),),
            pauses=_pauses(site, "tunnel"),
            umask="0077",
            template="tunnel",
            ready=partial(tunnel_answers, site),
        )
    ]


def _front(site: Site, platform: Platform) -> Service:
    """Return the service that runs the site's own web server."""
    kind = site.front.server
    foreground = ("-D", "FOREGROUND") if kind == "apache" else ()
    return Service(
        name=site.service("front"),
        description=f"{kind} of the site {site.name}",
        command=(
            str(server(site, platform).program),
            *("-f" if kind == "apache" else "-c", str(front_path(site, platform))),
            *foreground,
        ),
        runtime_directories=(site.run / kind,),
        pauses=_pauses(site, "front"),
        after=(site.service("proxy"),),
        kill_mode="mixed",  # the main process stops its child processes itself
        stop_signal="TERM" if kind == "apache" else "QUIT",
        reload_signal=RELOAD[kind],
        umask="0027",
        template="acme" if (kind, site.front.certificate) == ("apache", "acme") else kind,
        ready=partial(front_answers, site),
    )


def _environment(site: Site) -> dict[str, str]:
    """Return the environment variables that all programs of the site need.

    The services do not get variables, such as PYTHON* and NODE_*, of the shell that starts the
    services.
    """
    return {"PATH": f"{site.current}/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


def _pauses(site: Site, part: str) -> Path:
    """Return the path of the file in which a service's unit records the pause before its next
    start."""
    return site.run / "pauses" / part
