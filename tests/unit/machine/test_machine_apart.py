"""`make status` says which protection the running proxy has, and not only which one the site asks
for."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from machine_sites import demo

from sitekit.machine.render.proxy_preloads import node_options
from sitekit.machine.run.report_page_isolation import administrators, kept_apart
from sitekit.machine.supervisors.interface import State
from sitekit.site import Site


@contextmanager
def started(*words: str, **environment: str) -> Iterator[State]:
    """A program with these words and this environment."""
    begin = ["/bin/sh", "-c", "echo; read line", "sh", *words]
    program = subprocess.Popen(
        begin, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert program.stdout and program.stdout.readline() == b"\n"
    yield State("running", "", program.pid)
    program.communicate()


ONE = demo()
EACH = demo(front={"subdomains": True})


@pytest.mark.parametrize("site", [ONE, EACH], ids=["one domain", "a name for each"])
def test_what_the_proxy_was_started_with_counts(site: Site):
    right, by = (node_options(ONE), "by the proxy") if site is ONE else ({}, "by browsers")
    words = ("--host-routing",) * (site is EACH)
    with started(*words, **right) as proxy:
        kept, told = kept_apart(site, proxy)
        assert kept and by in told
    with started(*() if site is EACH else ("--host-routing",)) as proxy:
        assert kept_apart(site, proxy) == (
            False,
            "NOT kept apart: the proxy runs with other settings than the site's -> sudo make apply",
        )
    assert kept_apart(site, State("stopped")) == (False, "unknown: the proxy does not run")


def test_whether_administrators_open_servers():
    assert "cannot" in administrators(ONE)
    assert "cannot" not in administrators(demo(login={"admin_access": True}))
