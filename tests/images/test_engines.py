"""ipyparallel in a server in an image: the engines are a Slurm job, and run in the same image."""

from __future__ import annotations

import json
import pwd
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.session.kernels.ipyparallel_profile import FOLDER

from ..conftest import Demo, logged_in
from ..person import Person
from ..slurm import ask, jobs, until
from .conftest import Images

pytestmark = pytest.mark.soak
START = Path(__file__).parent / "programs" / "start_engines.py"
STOP = "client.close(); cluster.stop_cluster_sync(); print('stopped')"


@pytest.fixture
def alice(demo: Demo, images: Images) -> Iterator[Person]:
    """alice with a server in the image."""
    try:
        with logged_in(demo, "alice") as person:
            assert person.submit({"tier": "small", "small.image": "python"}).status_code == 302
            assert list(person.progress())[-1].get("ready")
            yield person
    finally:
        ask(demo.site, "scancel", "--user=alice")
        shutil.rmtree(Path(pwd.getpwnam("alice").pw_dir, FOLDER), ignore_errors=True)


def test_engines_run_in_the_image_of_the_server(images: Images, alice: Person) -> None:
    [server] = [line.split()[0] for line in jobs(images.site, "alice")]
    kernel = alice.kernel("python3")
    printed = kernel.run(START.read_text())
    assert printed.splitlines()[-1].startswith("["), printed
    told = json.loads(printed.splitlines()[-1])  # after a bar of progress
    assert [one["square"] for one in told] == [0, 1, 4, 9]
    assert {one["rank"] for one in told} == {"0", "1"}
    [job] = {one["job"] for one in told}
    assert job != server and all(one["node"].startswith("demo") for one in told)
    assert {(one["marker"], one["data"]) for one in told} == {
        ("inside the image", "data of the node")
    }
    assert all(one["homes"] == ["alice"] and not one["ours"] for one in told), told
    home = Path(pwd.getpwnam("alice").pw_dir)
    shown = ask(images.site, "scontrol", "show", "job", job).split()
    written = {word.partition("=")[0]: word.partition("=")[2] for word in shown}
    assert written["WorkDir"] == str(home)
    assert Path(written["StdOut"]).parent == home / FOLDER / "log"
    assert Path(written["StdOut"]).exists(), "the engines' output is where ipyparallel reads it"
    assert kernel.run(STOP).splitlines()[-1] == "stopped"
    kernel.close()
    until(lambda: len(jobs(images.site, "alice")) == 1, 180)
