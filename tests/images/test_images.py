"""A server in a container image: chosen in the form, run by Charliecloud, stopped, and refused."""

from __future__ import annotations

import base64
import html
import json
import os
import pwd
import shutil
from pathlib import Path

import pytest

from sitekit.base.errors import BadInput
from sitekit.kernels.images.check import check_images

from ..faults.test_cards import refused
from ..person import Person
from ..slurm import ask, jobs, until
from .conftest import Images

WHERE = """
import json, os, sys
print(json.dumps({"marker": open("/etc/marker").read().strip(), "uid": os.getuid(), "home": os.environ["HOME"],
    "homes": os.listdir("/home"), "python": sys.executable, "data": open("/mnt/data/file").read().strip(),
    "root": os.listdir("/opt"), "ours": os.listdir("/opt/sitekit"), "tmp": os.listdir("/tmp"),
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


def token_of(process: int) -> str:
    """The token with which the server was started."""
    text = Path(f"/proc/{process}/environ").read_bytes().split(b"\0")
    sent = next(entry for entry in text if entry.startswith(b"SITEKIT_ENVIRONMENT="))
    return json.loads(base64.b64decode(sent.partition(b"=")[2]))["JUPYTERHUB_API_TOKEN"]


def test_a_server_in_the_image(images: Images, alice: Person) -> None:
    page = html.unescape(alice.form())
    assert '<option value="python"' in page and ">Python of the tests</option>" in page
    assert "Not offered" not in page
    assert alice.submit({"tier": "small", "small.image": "python"}).status_code == 302
    assert list(alice.progress())[-1].get("ready")
    assert set(alice.kernelspecs()) == {"python3"}
    kernel = alice.kernel("python3")
    told = json.loads(kernel.run(WHERE))
    account = pwd.getpwnam("alice")
    assert told["marker"] == "inside the image"
    assert (told["uid"], told["home"]) == (account.pw_uid, account.pw_dir)
    assert told["homes"] == ["alice"], "homes of others are visible"
    assert told["python"].startswith("/opt/py/bin/")
    assert told["data"] == "data of the node"
    assert set(told["ours"]) == {"etc", "guarded.json", "share", "sitekit"}
    assert told["tmp"] == [name for name in told["tmp"] if name.startswith("jupyter-")]
    assert "JUPYTERHUB_SITEKIT_TLS" not in told["variables"]
    assert "SITEKIT_SESSION" not in told["variables"]
    assert "SITEKIT_ENVIRONMENT" not in told["variables"]
    kernel.run("open('from_image', 'w').write('x')")
    assert Path(account.pw_dir, "from_image").stat().st_uid == account.pw_uid
    Path(account.pw_dir, "from_image").unlink()
    kernel.close()


def test_the_token_is_in_no_command_line_and_nothing_is_left(images: Images, alice: Person) -> None:
    before = set(processes_of("alice"))
    assert alice.start("small")[-1].get("ready")
    [job] = jobs(images.site, "alice")
    alice.kernel("python3").close()
    running = {pid: line for pid, line in processes_of("alice").items() if pid not in before}
    [server] = [pid for pid, line in running.items() if "container_start.py" in line]
    token = token_of(server)
    everybody = [
        file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if file.exists()
    ]
    assert len(token) >= 32 and not [line for line in everybody if token.encode() in line]
    alice.stop_and_wait()
    until(lambda: not set(processes_of("alice")) & set(running))
    number = job.split()[0]
    until(lambda: "COMPLETED" in ask(images.site, "sacct", "-nXj", number, "--format=State"))


def test_two_servers_of_one_account_cannot_read_each_other(images: Images, alice: Person) -> None:
    """As two users of a gateway account: neither tokens, nor temporary files."""
    assert alice.start("small")[-1].get("ready")
    assert alice.start("small", "second")[-1].get("ready")
    try:
        first, second = alice.kernel("python3"), alice.kernel("python3", "second")
        second.run("open('/tmp/private', 'w').close()")
        pid = int(second.run("import os; print(os.getppid())"))
        assert first.run(f"open('/proc/{pid}/environ').read()").startswith("ERROR PermissionError")
        assert first.run(f"import os; os.listdir('/proc/{pid}/root')").startswith("ERROR Perm")
        assert first.run("import os; print('private' in os.listdir('/tmp'))") == "False"
        assert second.run(f"print('PATH' in open('/proc/{pid}/environ').read())") == "True"
        first.close()
        second.close()
    finally:
        alice.stop_and_wait("second")


def test_guards_work_in_the_image(images: Images, alice: Person) -> None:
    """The server's own settings cannot be changed by dotfiles, and kernels use no TCP port."""
    home = Path(pwd.getpwnam("alice").pw_dir)
    evil = home / ".jupyter" / "jupyter_server_config.json"
    kept = evil.read_bytes() if evil.exists() else None
    evil.parent.mkdir(exist_ok=True)
    evil.write_text(json.dumps({"MappingKernelManager": {"kernel_manager_class": "nothing.There"}}))
    try:
        assert alice.start("small")[-1].get("ready")
        kernel = alice.kernel("python3")
        connection = kernel.run(
            "import ipykernel; print(open(ipykernel.get_connection_file()).read())"
        )
        assert json.loads(connection)["transport"] == "ipc"
        kernel.close()
        assert "debugger" not in alice.kernelspecs()["python3"]["spec"]["metadata"]
        extensions = alice.server_api("GET", "sitekit/notice")
        assert extensions.status_code == 200, "the notice of idle and time works in the image"
        for guarded in ("proxy/1/", "git-pull"):
            answer = alice.http.get(f"/user/alice/{guarded}", follow_redirects=False)
            assert answer.status_code != 404, guarded
        assert alice.http.get("/user/alice/git-pull/api").status_code == 404
    finally:
        if kept is None:
            evil.unlink()
        else:
            evil.write_bytes(kept)


@pytest.mark.parametrize("image", ["other", "none", ["python"], ""], ids=str)
def test_an_image_that_the_tier_does_not_offer_is_refused(
    images: Images, alice: Person, image: object
) -> None:
    answer = alice.api("POST", "/users/alice/server", {"tier": "small", "image": image})
    assert answer.status_code == 400
    assert alice.server() is None and not jobs(images.site, "alice")
    other = alice.api("POST", "/users/alice/server", {"tier": "large", "image": "python"})
    assert other.status_code == 400


def test_a_changed_and_a_missing_image_give_cards(images: Images, alice: Person) -> None:
    (images.folder / "etc" / "new").touch()
    told = refused(alice, "small", "image-changed")
    assert told["figures"]["image"] == "python"
    images.check()
    assert alice.start("small")[-1].get("ready")
    alice.stop_and_wait()
    away = images.folder.with_name("away")
    images.folder.rename(away)
    try:
        refused(alice, "small", "image-missing")
    finally:
        away.rename(images.folder)


def test_the_check_refuses_what_is_wrong(images: Images, alice: Person, capfd: object) -> None:
    """And then no user starts the image."""
    record = images.site.paths.prefix / "images" / "python.json"
    marker = images.folder / "etc" / "marker"
    os.chown(marker, pwd.getpwnam("bob").pw_uid, -1)
    try:
        assert check_images(images.site, ("python",)) == 1
        assert "etc/marker can be changed" in capfd.readouterr().out  # type: ignore[attr-defined]
        assert not record.exists()
        refused(alice, "small", "image-untested")
    finally:
        os.chown(marker, 0, -1)
    spec = images.folder / "opt/py/share/jupyter/kernels/broken"
    spec.mkdir()
    (spec / "kernel.json").write_text(
        json.dumps(
            {
                "argv": ["/bin/sh", "-c", "echo no good; exit 3"],
                "display_name": "B",
                "language": "b",
            }
        )
    )
    try:
        assert check_images(images.site, ("python",)) == 1
        assert "broken: it ended with code 3" in capfd.readouterr().out  # type: ignore[attr-defined]
    finally:
        shutil.rmtree(spec)
    with pytest.raises(BadInput, match="no image 'nope'"):
        check_images(images.site, ("nope",))
    images.check()
    assert record.exists()
