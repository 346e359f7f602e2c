"""A server in a container image: chosen in the form, run by Charliecloud, stopped, and refused.

alice has one server for the first tests; bob is refused."""

from __future__ import annotations

import base64
import html
import json
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sitekit.base.errors import BadInput
from sitekit.kernels.images.check import check_images

from ..conftest import Demo, logged_in
from ..faults.test_cards import refused
from ..person import Person
from ..processes import processes, words_of
from ..slurm import jobs, until
from .conftest import Images

WHERE = """
import json, os, sys
print(json.dumps({"marker": open("/etc/marker").read().strip(), "uid": os.getuid(), "home": os.environ["HOME"],
    "homes": os.listdir("/home"), "python": sys.executable, "data": open("/mnt/data/file").read().strip(),
    "root": os.listdir("/opt"), "ours": os.listdir("/opt/sitekit-session"), "tmp": os.listdir("/tmp"),
    "variables": {name: value for name, value in os.environ.items()}}))
"""


def processes_of(user: str) -> dict[int, str]:
    """The command lines of a user's processes, by process id."""
    uid, found = pwd.getpwnam(user).pw_uid, {}
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and folder.stat().st_uid == uid:
                found[int(folder.name)] = (
                    (folder / "cmdline").read_bytes().decode().replace("\0", " ")
                )
        except OSError:
            continue
    return found


def servers_of(user: str) -> list[int]:
    """The servers of a user that run in an image."""
    return [pid for pid, line in processes_of(user).items() if "container_start.py" in line]


def token_of(process: int) -> str:
    """The token with which the server was started."""
    text = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    sent = next(entry for entry in text if entry.startswith(b"SITEKIT_ENVIRONMENT="))
    return json.loads(base64.b64decode(sent.partition(b"=")[2]))["JUPYTERHUB_API_TOKEN"]


@pytest.fixture(scope="module")
def alice(demo: Demo, images: Images) -> Iterator[Person]:
    """With a server in the image that the form has offered, and a hostile file in her home."""
    evil = Path(pwd.getpwnam("alice").pw_dir, ".jupyter", "jupyter_server_config.json")
    kept = evil.read_bytes() if evil.exists() else None
    evil.parent.mkdir(exist_ok=True)
    evil.write_text(json.dumps({"MappingKernelManager": {"kernel_manager_class": "nothing.There"}}))
    for place in (evil.parent, evil):  # hers: a server writes to the folder
        shutil.chown(place, "alice", "alice")
    try:
        with logged_in(demo, "alice") as person:
            page = html.unescape(person.form())
            assert '<option value="python"' in page and ">Python of the tests</option>" in page
            assert "Not offered" not in page
            assert person.submit({"tier": "small", "small.image": "python"}).status_code == 302
            assert list(person.progress())[-1].get("ready")
            yield person
    finally:
        if kept is None:
            evil.unlink()
        else:
            evil.write_bytes(kept)


def test_a_cell_runs_in_the_image(images: Images, alice: Person) -> None:
    assert set(alice.kernelspecs()) == {"python3"}
    kernel = alice.kernel("python3")
    with tempfile.NamedTemporaryFile(dir="/tmp", prefix="of-the-node-") as file:
        told = json.loads(kernel.run(WHERE))
    account = pwd.getpwnam("alice")
    assert told["marker"] == "inside the image"
    assert (told["uid"], told["home"]) == (account.pw_uid, account.pw_dir)
    assert told["homes"] == ["alice"], "homes of others are visible"
    assert told["python"].startswith("/opt/py/bin/")
    assert told["data"] == "data of the node"
    assert set(told["ours"]) == {"etc", "guarded.json", "share", "sitekit"}
    assert Path(file.name).name not in told["tmp"]
    secret = {"JUPYTERHUB_SITEKIT_TLS", "SITEKIT_SESSION", "SITEKIT_ENVIRONMENT"}
    assert not secret & set(told["variables"])
    kernel.run("open('from_image', 'w').write('x')")
    assert Path(account.pw_dir, "from_image").stat().st_uid == account.pw_uid
    Path(account.pw_dir, "from_image").unlink()
    kernel.close()


def test_the_token_is_in_no_command_line(alice: Person) -> None:
    alice.kernel("python3").close()
    [server] = servers_of("alice")
    token = token_of(server)
    everybody = map(words_of, processes())
    assert len(token) >= 32 and not [words for words in everybody if token in " ".join(words)]


def test_guards_work_in_the_image(alice: Person) -> None:
    """The user's files cannot change the server, and kernels use no TCP port."""
    kernel = alice.kernel("python3")
    connection = kernel.run("import ipykernel; print(open(ipykernel.get_connection_file()).read())")
    assert json.loads(connection)["transport"] == "ipc"
    kernel.close()
    assert "debugger" not in alice.kernelspecs()["python3"]["spec"]["metadata"]
    notice = alice.http.get("/user/alice/sitekit/notice")
    assert notice.json()["idle"] > 0, "the notice of idle and time works in the image"
    for guarded in ("proxy/1/", "git-pull"):
        answer = alice.http.get(f"/user/alice/{guarded}", follow_redirects=False)
        assert answer.status_code != 404, guarded
    assert alice.http.get("/user/alice/git-pull/api").status_code == 404


def test_two_servers_of_one_account_cannot_read_each_other(images: Images, alice: Person) -> None:
    """As two users of a gateway account: neither tokens, nor temporary files. And of the second
    server nothing is left when it has stopped."""
    first = alice.kernel("python3")
    before = set(processes_of("alice"))
    assert alice.start("small", "second")[-1].get("ready")
    second = alice.kernel("python3", "second")
    second.run("open('/tmp/private', 'w').close()")
    pid = int(second.run("import os; print(os.getppid())"))
    assert first.run(f"open('/proc/{pid}/environ').read()").startswith("ERROR PermissionError")
    assert first.run(f"import os; os.listdir('/proc/{pid}/root')").startswith("ERROR Perm")
    assert first.run("import os; print('private' in os.listdir('/tmp'))") == "False"
    assert second.run(f"print('PATH' in open('/proc/{pid}/environ').read())") == "True"
    first.close()
    second.close()
    running = set(processes_of("alice")) - before
    assert pid in running
    alice.stop_and_wait("second")
    until(lambda: not set(processes_of("alice")) & running, 180)
    until(lambda: len(jobs(images.site, "alice")) == 1, 180)


@pytest.mark.parametrize("image", ["other", "none", ["python"], ""], ids=str)
def test_an_image_that_the_tier_does_not_offer_is_refused(
    images: Images, bob: Person, image: object
) -> None:
    answer = bob.api("POST", "/users/bob/server", {"tier": "small", "image": image})
    assert answer.status_code == 400
    other = bob.api("POST", "/users/bob/server", {"tier": "large", "image": "python"})
    assert other.status_code == 400
    assert bob.server() is None and not jobs(images.site, "bob")


def test_a_changed_a_missing_and_an_untested_image_give_cards(images: Images, bob: Person) -> None:
    (images.folder / "etc" / "new").touch()
    told = refused(bob, "small", "image-changed")
    assert told["figures"]["image"] == "python"
    away = images.folder.with_name("away")
    images.folder.rename(away)
    try:
        refused(bob, "small", "image-missing")
    finally:
        away.rename(images.folder)
    images.record.unlink()
    refused(bob, "small", "image-untested")
    images.check()
    assert bob.start("small")[-1].get("ready")


def test_the_check_refuses_what_is_wrong(images: Images, capfd: pytest.CaptureFixture[str]) -> None:
    marker = images.folder / "etc" / "marker"
    os.chown(marker, pwd.getpwnam("bob").pw_uid, -1)
    try:
        assert check_images(images.site, ("python",)) == 1
        assert "etc/marker can be changed" in capfd.readouterr().out
        assert not images.record.exists()
    finally:
        os.chown(marker, 0, -1)
    spec = images.folder / "opt/py/share/jupyter/kernels/broken"
    spec.mkdir()
    argv = ["/bin/sh", "-c", "echo no good; exit 3"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "Broken", "language": "b"})
    )
    try:
        assert check_images(images.site, ("python",)) == 1
        assert "broken: it ended with code 3" in capfd.readouterr().out
    finally:
        shutil.rmtree(spec)
    with pytest.raises(BadInput, match="no image 'nope'"):
        check_images(images.site, ("nope",))
