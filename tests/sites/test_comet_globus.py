"""config/sites/comet-globus.yml from login to cell: Globus, one account for all, an image that the
user chooses, whose home is the user's own folder, a tunnel."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..chain.oauth import GROUP, refusal, visiting
from ..chain.provider import Known
from ..faults.machine import Machine
from ..images.image_folder import PYTHON, build
from ..packages import install
from ..slurm import ask, jobs, until
from .cluster import account
from .outside import Outside, brought_up

HOMES = Path("/home/gateway/participants")


def member(status: str) -> list[dict[str, object]]:
    return [{"id": GROUP, "my_memberships": [{"status": status}]}]


PEOPLE = {
    "ann": Known({"preferred_username": "ann@uni.example.org"}, groups=member("active")),
    "ben": Known({"preferred_username": "ben@uni.example.org"}, groups=member("active")),
    "old": Known({"preferred_username": "old@uni.example.org"}, groups=member("invited")),
    "far": Known({"preferred_username": "ann@evil.example.org"}, groups=member("active")),
    "silent": Known({"preferred_username": "silent@uni.example.org"}),
    "odd": Known({"preferred_username": "odd@uni.example.org"}, groups=[{"name": "x"}]),
}
LOOK = """
import json, os
print(json.dumps([open("/etc/marker").read().strip(), os.environ["HOME"], os.listdir("/home"), os.getcwd()]))
"""


@pytest.fixture(scope="module")
def gateway(cluster: Machine, folder: Path) -> Iterator[Outside]:
    install("charliecloud")
    prefix = cluster.site.paths.prefix
    top = prefix.with_name("demo-images")  # on the same disk: it has hard links to a release
    shutil.rmtree(top, ignore_errors=True)
    (top / "scratch").mkdir(parents=True)
    image = {"python": PYTHON, "binds": [f"{top}/scratch:/mnt/data"]}
    images = [
        {**image, "key": "python", "title": "Python", "path": str(top / "python")},
        {**image, "key": "r-dask", "title": "Python, R and Dask", "path": str(top / "r-dask")},
    ]
    containers = {"engine": "charliecloud"}
    try:
        for one in images:
            build(Path(str(one["path"])), cluster.site.current.resolve())
        with (
            account(cluster.site, "gateway"),
            brought_up(
                "comet-globus", folder, server__containers=containers, server__images=images
            ) as site,
        ):
            site.provider.people = PEOPLE
            site.kit("images_check", "python")
            yield site
    finally:
        shutil.rmtree(top)
        shutil.rmtree(prefix / "images", ignore_errors=True)


def test_a_user_works_in_the_chosen_image(gateway: Outside) -> None:
    site = gateway.site
    with visiting(site, "ann", "ann") as ann, visiting(site, "ben", "ben") as ben:
        for visitor in (ann, ben):
            assert visitor.come().status_code == 200
            choice = {"tier": "shared", "shared.image": "python", "shared.cpus": "1"}
            assert visitor.submit(choice).status_code == 302
            told = list(visitor.progress())
            assert told[-1].get("ready"), told
        assert set(ann.kernelspecs()) == {"python3"}
        kernel = ann.kernel("python3")
        assert json.loads(kernel.run(LOOK)) == [
            "inside the image",
            "/home/gateway",
            ["gateway"],
            "/home/gateway",
        ]
        assert kernel.run("print(os.path.lexists('.jupyterhub'))") == "False"
        for job in jobs(site, "gateway"):
            told = ask(site, "scontrol", "show", "job", job.split()[0])
            assert f"StdOut=/home/gateway/{site.log_dir}/" in told
        kernel.run("open('mine', 'w').write('x')")
        kernel.close()
        assert (HOMES / "ann/mine").exists() and not (HOMES / "ben/mine").exists()
        for visitor in (ann, ben):
            visitor.stop_and_wait()
        until(lambda: not jobs(site, "gateway"), 180)


def test_an_image_that_was_not_tested_is_a_card(gateway: Outside) -> None:
    with visiting(gateway.site, "ann", "ann") as ann:
        ann.come()
        assert ann.submit({"tier": "shared", "shared.image": "r-dask"}).status_code == 302
        assert list(ann.progress())[-1].get("failed")
        assert "was not tested" in ann.http.get("/hub/home").text
        assert ann.submit({"tier": "shared", "shared.image": "/evil"}).status_code == 400


def test_whole_nodes_with_tasks(gateway: Outside) -> None:
    site = gateway.site
    with visiting(site, "ben", "ben") as ben:
        ben.come()
        choice = {"tier": "compute", "compute.nodes": "2", "compute.tasks": "3"}
        assert ben.submit(choice).status_code == 302
        told = list(ben.progress())
        assert told[-1].get("ready"), told
        [job] = [line.split()[0] for line in jobs(site, "gateway")]
        shape = ask(
            site, "squeue", "--noheader", f"--jobs={job}", "--Format=NumNodes:4,NumTasks:4,QOS:8"
        )
        assert shape.split() == ["2", "6", "normal"]
        ben.stop_and_wait()


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("old", "this user may not log in here"),
        ("far", "for users of"),
        ("silent", "access to your groups"),
        ("odd", "of an unknown form"),
    ],
)
def test_who_is_refused_is_told_why(gateway: Outside, who: str, why: str) -> None:
    assert why in refusal(gateway.site, who)
