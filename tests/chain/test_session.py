"""What a session has besides the site's kernels: loaded modules, kernels of one's own, git for
notebooks."""

from __future__ import annotations

import pwd
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.base.run_program import run
from sitekit.site import Site

from ..conftest import Demo, logged_in
from ..person import Person
from ..slurm import jobs
from ..terminal import typed


@pytest.fixture(scope="module")
def bob(demo: Demo) -> Iterator[Person]:
    """bob with a server, for all tests in here."""
    with logged_in(demo, "bob") as person:
        assert person.start("large")[-1].get("ready")
        yield person
        in_terminal(person, "sitekit-kernel remove Mine; rm -rf ~/sitekit-test-git")


def tab(person: Person, method: str, **body: object) -> object:
    """A request of the Software Modules tab."""
    base = f"/user/{person.name}/"
    if not person.xsrf(base):
        assert person.lab().status_code == 200
    headers = {
        "X-XSRFToken": person.xsrf(base),
        "Sec-Fetch-Site": "same-origin",
        "Sec-Fetch-Mode": "cors",
    }
    answer = person.http.request(method, f"{base}module", json=body or None, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def pythons(site: Site) -> list[str]:
    """Their modules' versions: the one of the distribution's release before, and the distribution's
    own."""
    there = (path.stem for path in (site.kernels.modulepath[0] / "python").glob("[0-9]*"))
    return sorted(there, key=lambda version: [int(part) for part in version.split(".")])


def in_terminal(person: Person, line: str) -> str:
    """What a new terminal shows after `line`."""
    name = person.server_api("POST", "terminals").json()["name"]
    base = f"/user/{person.name}/"
    try:
        return typed(
            f"{person.base.replace('https', 'wss')}{base}terminals/websocket/{name}",
            line,
            sslopt={"cert_reqs": ssl.CERT_NONE},
            cookie="; ".join(
                f"{c.name}={c.value}" for c in person.http.cookies.jar if c.path in ("/", base)
            ),
            origin=person.base,
        )
    finally:
        person.server_api("DELETE", f"terminals/{name}")


def test_what_is_loaded_reaches_terminals_and_one_kernel_per_language(
    demo: Demo, bob: Person
) -> None:
    older, own = pythons(demo.site)
    assert tab(bob, "POST", modules=[f"python/{older}"]) is None
    assert tab(bob, "GET") == [f"python/{older}"]
    ask = "import os, sys; print(os.environ['LOADEDMODULES'], sys.executable)"
    software = "/opt/sitekit/demo/software/python"
    loaded = bob.kernel("loaded-python")
    assert loaded.run(ask) == f"python/{older} {software}/{older}/bin/python"
    loaded.close()
    other = bob.kernel(f"python-{own}")
    assert other.run(ask) == f"python/{own} {software}/{own}/bin/python"
    other.close()
    without = bob.kernel("loaded-r")
    assert "ERROR KernelCannotStart" in without.run("1")
    without.close()
    assert f"{software}/{older}/bin/python" in in_terminal(
        bob, "command -v python; sitekit-kernel list"
    )
    assert tab(bob, "DELETE", modules=[f"python/{older}"]) is None
    assert f"{software}/{older}/bin/python" not in in_terminal(bob, "command -v python")


def test_a_user_makes_a_kernel_in_a_terminal(demo: Demo, bob: Person) -> None:
    module = f"python/{pythons(demo.site)[0]}"
    said = in_terminal(bob, f"sitekit-kernel add --name Mine --module {module}")
    assert "'Mine' works" in said
    assert bob.kernelspecs()["my-mine"]["spec"]["display_name"] == "Mine"
    kernel = bob.kernel("my-mine")
    assert kernel.run("import os; print(os.environ['LOADEDMODULES'])") == module
    kernel.close()
    program = demo.site.current / "share/sitekit/bin/sitekit-kernel"
    by_ssh = {
        "HOME": pwd.getpwnam("bob").pw_dir,
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": "/nonexistent",
    }
    assert (
        "'Mine' works"
        in run([program, "check", "Mine"], env=by_ssh, user="bob", cwd=Path("/")).stdout
    )
    assert "'Mine' is removed" in in_terminal(bob, "sitekit-kernel remove Mine")


def test_notebooks_are_compared_as_such_in_the_sessions_git_alone(demo: Demo, bob: Person) -> None:
    cell = '{"cell_type": "markdown", "metadata": {}, "source": ["%s"]}'
    book = f'{{"cells": [{cell}], "metadata": {{}}, "nbformat": 4, "nbformat_minor": 4}}'
    said = in_terminal(
        bob,
        "mkdir ~/sitekit-test-git && cd ~/sitekit-test-git && git init -q . && "
        f"echo '{book % 'one'}' >a.ipynb && git add . && echo '{book % 'two'}' >a.ipynb && git --no-pager diff",
    )
    assert "nbdiff" in said
    machine = Path("/etc/gitconfig")
    assert not machine.exists() or "nbd" not in machine.read_text()


def test_what_a_terminal_or_a_kernel_submits_is_a_job_of_its_own(demo: Demo, bob: Person) -> None:
    """srun would be a step of the server's job if it found SLURM_JOB_ID, and share or wait for its
    CPUs."""
    [line] = jobs(demo.site, "bob")
    server = line.split()[0]
    submit = "srun --partition=batch sh -c 'echo job=$SLURM_JOB_ID'"
    said = in_terminal(
        bob,
        f"{submit}; sbatch --partition=batch --wait --output=/dev/null --wrap true; echo i=$SITEKIT_JOB_ID",
    )
    assert f"i={server}" in said
    [stepped], [batch] = (
        re.findall(r"job=(\d+)", said),
        re.findall(r"Submitted batch job (\d+)", said),
    )
    kernel = bob.kernel(f"python-{pythons(demo.site)[1]}")
    told = kernel.run(
        f"import subprocess; print(subprocess.run({submit!r}, shell=True, capture_output=True, text=True).stdout)"
    )
    kernel.close()
    numbers = {stepped, batch, told.strip().removeprefix("job=")}
    assert (
        len(numbers) == 3 and all(number.isdigit() for number in numbers) and server not in numbers
    ), (said, told)
