"""config/sites/triton.yml as it stands, on a machine like Aalto's: a real systemd, sssd,
Shibboleth, the distribution's Apache, and Slurm with its partitions."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Iterator

import httpx
import pytest

from sitekit.site import load_site

from ..chain.test_chain import python_of
from ..conftest import CHECKOUT, Demo
from ..front.saml import PASSWORD, USER
from ..front.saml_login import form
from ..person import Person
from .booted import Booted
from .campus import INSIDE, OUTSIDE, coming_from, prepare

FILE = CHECKOUT / "config/sites/triton.yml"
COOKIE = "jupyterhub-hub-login"
# The copies that the account tools keep (`passwd-`) are theirs.
ETC = "cd /etc && find . -type f ! -name '*-' -exec sha256sum {} + | sort && find . -type l -printf '%p %l\\n' | sort"
LIMIT = """
import os, re
group = re.search(r"^\\d+:memory:(/.*)/step", open("/proc/self/cgroup").read(), re.M)[1]
print(open(f"/sys/fs/cgroup/memory{group}/memory.limit_in_bytes").read().strip(), os.environ["MEM_LIMIT"])
"""


@pytest.fixture(scope="module")
def before(machine: Booted, demo: Demo) -> Iterator[str]:
    """/etc of the prepared machine. The hub's account must not read /etc/shadow there, as it may
    for the demo."""
    site = load_site(FILE)
    prepare(machine, demo, site)
    machine.run("gpasswd", "--delete", site.hub.user, "shadow")
    yield machine.run("sh", "-c", ETC).stdout
    machine.run("gpasswd", "--add", site.hub.user, "shadow")


@pytest.fixture(scope="module")
def triton(machine: Booted, demo: Demo, before: str) -> Iterator[Demo]:
    """The site, up, beside the demo; its people are the demo's."""
    for command in ("kernels", "apply", "start"):
        machine.kit(command, site=FILE)
    yield Demo(load_site(FILE), demo.passwords)
    machine.kit("stop", site=FILE)
    machine.kit("uninstall", site=FILE)


@pytest.fixture
def alice(triton: Demo) -> Iterator[Person]:
    """On the campus, with a session."""
    with coming_from(INSIDE, triton.site), triton.person("alice") as person:
        assert person.login().url.path != "/hub/login"
        yield person
        if person.server() is not None:
            person.stop_and_wait()


def test_who_is_in_the_group_logs_in_with_the_cluster_password(
    triton: Demo, machine: Booted
) -> None:
    """sssd's word counts: the hub itself cannot read a hash."""
    hub = triton.site.hub.user
    as_hub = ("setpriv", f"--reuid={hub}", f"--regid={hub}", "--init-groups")
    assert machine.run(*as_hub, "cat", "/etc/shadow", check=False).returncode == 1
    with (
        coming_from(INSIDE, triton.site),
        triton.person("alice") as alice,
        triton.person("bob") as bob,
    ):
        assert alice.login("wrong").status_code == 403
        assert bob.login().status_code == 403, "bob is in no group of this site's"
        assert alice.login().url.path != "/hub/login"


def test_a_session_lasts_for_three_days(triton: Demo, alice: Person, machine: Booted) -> None:
    secret = bytes.fromhex(
        (machine.root / triton.site.paths.state.relative_to("/") / "cookie_secret").read_text()
    )
    url, now = f"{triton.site.front.url}/hub/home", alice.http.cookies.get(COOKIE, path="/hub/")
    for days, seen in ((2.9, 200), (3.1, 302)):
        cookies = {COOKIE: aged(now, days * 86400, secret)}
        answer = httpx.get(url, cookies=cookies, verify=False, timeout=90)  # noqa: S501
        assert answer.status_code == seen


def aged(cookie: str, seconds: float, secret: bytes) -> str:
    """The same, signed so long ago: tornado.web.create_signed_value, version 2."""
    signed, _ = cookie.strip('"').rsplit("|", 1)
    version, key, _, *rest = signed.split("|")
    then = "|".join([version, key, f"10:{int(time.time() - seconds)}", *rest]) + "|"
    return then + hmac.new(secret, then.encode(), "sha256").hexdigest()


def test_the_form_offers_what_aalto_publishes(triton: Demo, alice: Person) -> None:
    page = alice.form()
    for title in (
        "2 GB, 5 days",
        "2 GB, 10 hours",
        "5 GB, 10 hours",
        "20 GB, 10 hours",
        "80 GB, 4 hours",
    ):
        assert title in page
    assert page.count('name="tier"') == len(triton.site.tiers)


@pytest.mark.parametrize(
    ("tier", "job"),
    [("small", "jupyter-long 10:00:00 2200M 2"), ("long", "jupyter-long 5-00:00:00 2200M 2")],
)
def test_a_server_is_a_job_as_its_tier_says(
    alice: Person, machine: Booted, tier: str, job: str
) -> None:
    assert alice.start(tier)[-1].get("ready")
    listed = machine.run(
        "squeue", "--user=alice", "--noheader", "--state=RUNNING", "--format=%P %l %m %C"
    )
    assert listed.stdout.strip() == job
    limits = alice.kernel(python_of(alice)).run(LIMIT).split()
    assert limits == [str(5 * 2200 << 20)] * 2, "five times what is reserved"


@pytest.mark.parametrize(
    ("interface", "page"), [("Classic notebook", "tree"), ("JupyterLab", "lab")]
)
def test_lab_or_classic_notebook_as_one_chose(alice: Person, interface: str, page: str) -> None:
    asked = alice.api("POST", "/users/alice/server", {"tier": "small", "interface": interface})
    assert asked.status_code in (201, 202), asked.text
    assert list(alice.progress())[-1].get("ready")
    assert alice.http.get("/user/alice/").url.path == f"/user/alice/{page}"


def test_the_folder_is_a_tree_of_links(alice: Person) -> None:
    assert alice.start("small")[-1].get("ready")
    shown = alice.server_api("GET", "contents").json()["content"]
    names = ("home", "work", "scratch", "m", "filesystem")
    assert {entry["name"]: entry["type"] for entry in shown} == dict.fromkeys(names, "directory")
    refused = alice.server_api("POST", "contents", {"type": "notebook"})
    assert refused.status_code in (403, 500), "nothing is saved beside the links"
    code = (
        "import os; os.chdir(os.path.expanduser('~/.jupyterhub-tree')); "
        "print(*map(os.path.realpath, ['home', 'work']))"
    )
    assert alice.kernel(python_of(alice)).run(code) == "/home/alice /scratch/work/alice"


def test_administrators_are_who_is_in_their_group(triton: Demo, alice: Person) -> None:
    with coming_from(INSIDE, triton.site), triton.person("carol") as carol:
        assert carol.login().url.path != "/hub/login"
        assert carol.http.get("/hub/admin").status_code == 200
    assert alice.http.get("/hub/admin").status_code == 403


def test_who_comes_from_outside_logs_in_with_the_organisation_first(triton: Demo) -> None:
    with coming_from(OUTSIDE, triton.site), triton.person("alice") as alice:
        page = alice.http.get("/hub/login")
        assert page.url.host == "idp.test"
        where, fields = form(page)
        page = alice.http.post(where, data=fields | {"username": USER, "password": PASSWORD})
        where, fields = form(page)
        assert alice.http.post(where, data=fields).url.path == "/hub/login"
        assert alice.login("wrong").status_code == 403, "the organisation's word is not enough"
        assert alice.login().url.path != "/hub/login"
        told = json.dumps(alice.api("GET", "/user").json())
        assert '"alice"' in told and USER not in told


def test_the_nightly_looks_end_well(triton: Demo, machine: Booted) -> None:
    for part in ("backup", "certificate"):
        machine.systemctl("start", f"sitekit-triton-{part}.service")
        assert machine.shown(f"sitekit-triton-{part}.service", "Result") == "success"


def test_uninstall_leaves_etc_as_it_was(triton: Demo, machine: Booted, before: str) -> None:
    machine.kit("stop", site=FILE)
    machine.kit("uninstall", site=FILE)
    assert machine.run("sh", "-c", ETC).stdout == before
