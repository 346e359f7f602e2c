"""A site turns internal TLS off and on while people work: each server goes on as it was started."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from sitekit.demo.cluster.paths_and_ports import demo_site
from sitekit.machine.apply.commands import apply
from sitekit.machine.supervisors.control import which_supervisor
from sitekit.site import Site

from ..attacks.state import routes
from ..conftest import Demo, logged_in
from ..person import Kernel, Person
from ..slurm import jobs, until
from .test_chain import python_of


@pytest.fixture
def site(demo: Demo) -> Iterator[Site]:
    """The demo's site as it runs; whatever the test applied is taken back."""
    as_run = demo_site(which_supervisor())
    yield as_run
    apply(as_run)


def answers_in_the_clear(site: Site) -> bool:
    """Whether the hub's port answers HTTP."""
    with (
        suppress(OSError),
        socket.create_connection((site.hub.address, site.hub.port), 90) as plain,
    ):
        plain.sendall(b"GET /hub/api/ HTTP/1.0\r\n\r\n")
        return plain.recv(20).startswith(b"HTTP/1")
    return False


def started(person: Person) -> Kernel:
    assert person.start("small")[-1].get("ready")
    kernel = person.kernel(python_of(person))
    assert kernel.run("kept = 6 * 7") == ""
    kernel.close()
    return kernel


def goes_on(site: Site, person: Person, kernel: Kernel) -> None:
    """Its page is asked for by a browser that the server does not know: it asks the hub who that
    is."""
    with person.__class__(person.name, person.password, person.base) as anew:
        until(lambda: anew.login().url.path != "/hub/login")  # not while the hub restarts
        # the restarted hub has to find the server first
        until(lambda: opens(anew))
        again = Kernel(anew, kernel.id, f"/user/{person.name}/")
        assert again.run("print(kept)") == "42"
        again.close()
    assert len(jobs(site, person.name)) == 1


def opens(person: Person) -> bool:
    """Whether the lab of the person's server opens."""
    page = person.lab()
    return page.status_code == 200 and page.url.path.startswith(f"/user/{person.name}/")


def scheme(site: Site, person: Person) -> str:
    return routes(site)[f"/user/{person.name}"].partition(":")[0]


def test_servers_go_on_as_they_were_started(demo: Demo, site: Site) -> None:
    """bob's server begins with TLS, alice's without; then TLS is on again."""
    off = site.model_copy(update={"internal_tls": False})
    with logged_in(demo, "alice") as alice, logged_in(demo, "bob") as bob:
        bobs = started(bob)
        assert scheme(site, bob) == "https" and not answers_in_the_clear(site)
        assert apply(off) == 0
        goes_on(site, bob, bobs)
        alices = started(alice)
        assert (scheme(off, alice), scheme(off, bob)) == ("http", "https")
        assert apply(site) == 0
        goes_on(site, alice, alices)
        goes_on(site, bob, bobs)
        assert (scheme(site, alice), scheme(site, bob)) == ("http", "https")
        assert answers_in_the_clear(site), "alice's server has no other way to the hub"
        alice.stop_and_wait()
        until(lambda: not answers_in_the_clear(site))
        assert alice.start("small")[-1].get("ready")
        assert scheme(site, alice) == "https"
