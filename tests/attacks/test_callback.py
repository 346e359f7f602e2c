"""The callback takes one port, once, from the token of the one server that is starting, and nothing
else ever.

A server is held in the queue while all of it is tried, with its own token; afterwards it starts as
if nothing had been.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sitekit.contracts.internal_tls import name_of

from ..conftest import Demo
from ..person import Person
from ..slurm import ask, jobs, partition_down, until
from .conftest import Server, call
from .state import ledger_row, look, nothing_changes, routes, rows

LISTENING = "/hub/api/sitekit/listening"
MEMORY = "/hub/api/sitekit/memory"
PARTITION = "jupyter-long"
PORT = 20777  # within the demo's range

BODIES = {
    "true": '{"port": true}',
    "false": '{"port": false}',
    "string": '{"port": "20777"}',
    "float": '{"port": 20777.0}',
    "zero": '{"port": 0}',
    "negative": '{"port": -20777}',
    "privileged": '{"port": 22}',
    "below the range": '{"port": 19999}',
    "above the range": '{"port": 30000}',
    "above all ports": '{"port": 65536}',
    "two to the 64th": '{"port": 18446744073709551616}',
    "two hundred digits": '{"port": %s}' % ("9" * 200),
    "infinite": '{"port": 1e400}',
    "not a number": '{"port": NaN}',
    "null": '{"port": null}',
    "list": '{"port": [20777]}',
    "mapping": '{"port": {"port": 20777}}',
    "no port": "{}",
    "other case": '{"Port": 20777}',
    "blank": '{"port ": 20777}',
    "bare": "20777",
    "bare string": '"20777"',
    "bare list": '["port", 20777]',
    "empty": "",
    "nothing": "null",
    "no JSON": "port=20777",
    "half": '{"port": 20777',
    "two": '{"port": 20777}{"port": 20778}',
    "deep": "[" * 250,
    "just too long": '{"port": 20777}' + " " * 250,
    "a megabyte": '{"port": %s}' % (" " * 1_000_000 + "20777"),
    "exec_prefix": '{"port": 20777, "exec_prefix": "touch /tmp/sitekit-attack;"}',
    "ip": '{"port": 20777, "ip": "127.0.0.7"}',
    "job_id": '{"port": 20777, "job_id": "1"}',
    "job_id alone": '{"job_id": "1"}',
    "cmd": '{"port": 20777, "cmd": ["/bin/sh"]}',
    "not UTF-8": b'{"port": 20777, "\xff": 1}',
    "NUL": '{"port": 20777, "\\u0000": 1}',
}


@dataclass(frozen=True)
class Waiting:
    """A server in the queue: it has a token, and nobody has used it yet."""

    person: Person
    job: str
    token: str


@pytest.fixture(scope="module")
def waiting(demo: Demo, idle: Person) -> Iterator[Waiting]:
    """bob's server, held in the queue by a partition that takes jobs and starts none."""
    try:
        with partition_down(demo.site, PARTITION):
            answer = idle.choose("long")
            assert answer.status_code == 302, answer.text
            [job] = until(lambda: jobs(demo.site, idle.name))
            assert job.split()[2] == "PENDING"
            number = job.split()[0]
            known = "SELECT 1 FROM starts WHERE job = ?"
            until(lambda: rows(demo.site.ledger, known, number))
            yield Waiting(idle, number, token_of_pending(demo, number))
    finally:
        if idle.server() is not None:
            idle.stop_and_wait()


def token_of_pending(demo: Demo, job: str) -> str:
    """The token that the job will be given, from slurmctld's own files, which are Slurm's alone."""
    shown = ask(demo.site, "scontrol", "show", "config")
    place = next(
        line.split("=")[1].strip()
        for line in shown.splitlines()
        if line.startswith("StateSaveLocation")
    )
    [saved] = Path(place).glob(f"hash.*/job.{job}/environment")
    for word in saved.read_bytes().split(b"\0"):
        if b"JUPYTERHUB_API_TOKEN=" in word:
            return word.split(b"JUPYTERHUB_API_TOKEN=")[1].decode()
    raise AssertionError("the job has no token")


@pytest.fixture(scope="module")
def attributes(demo: Demo) -> list[str]:
    """Every public attribute that a server's objects in the hub have."""
    code = (
        "from sitekit.hub.spawner.accept_batchspawner_settings import SlurmServer as S;"
        "from sitekit.hub.spawner.tier_spawner import TierSpawner as T;"
        "print(*sorted({name for name in [*dir(S), *dir(T)] if not name.startswith('__')}))"
    )
    python = [str(demo.site.current / "bin/python"), "-I", "-c", code]
    names = subprocess.run(
        python, check=True, capture_output=True, text=True, timeout=300
    ).stdout.split()
    assert {
        "exec_prefix",
        "ip",
        "job_id",
        "cmd",
        "batch_script",
        "choice",
        "child_class",
        "user_options",
    } <= set(names)
    return names


def post(demo: Demo, body: str | bytes, token: str | None, path: str = LISTENING) -> int:
    answer = call(
        demo.site.front.url,
        "POST",
        path,
        token,
        content=body,
        headers={"Content-Type": "application/json"},
    )
    return answer.status_code


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_whatever_is_not_a_port_is_refused(demo: Demo, waiting: Waiting, body: str) -> None:
    with nothing_changes(demo.site):
        assert post(demo, body, waiting.token) in (400, 413)
    assert ledger_row(demo.site, waiting.job)["port"] is None


def test_no_attribute_of_the_server_can_be_set(
    demo: Demo, waiting: Waiting, attributes: list[str]
) -> None:
    """What batchspawner's own callback allows: every attribute, alone and beside a port that would
    be right."""
    with nothing_changes(demo.site):
        answers = {
            (name, with_port): post(
                demo, json.dumps({name: "x"} | ({"port": PORT} if with_port else {})), waiting.token
            )
            for name in attributes
            for with_port in (False, True)
            if name != "port"
        }
    assert {told: code for told, code in answers.items() if code != 400} == {}


@pytest.mark.parametrize(
    "content",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"],
)
def test_a_form_is_no_callback(demo: Demo, waiting: Waiting, content: str) -> None:
    with nothing_changes(demo.site):
        body = (
            '--x\r\nContent-Disposition: form-data; name="port"\r\n\r\n20777\r\n--x--\r\n'
            if "x" in content
            else "port=1"
        )
        answer = call(
            demo.site.front.url,
            "POST",
            LISTENING,
            waiting.token,
            content=body,
            headers={"Content-Type": content},
        )
        assert answer.status_code == 400


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_only_post_is_known(demo: Demo, waiting: Waiting, method: str) -> None:
    with nothing_changes(demo.site):
        answer = call(
            demo.site.front.url, method, LISTENING, waiting.token, content=f'{{"port": {PORT}}}'
        )
        assert answer.status_code in (403, 404, 405) or (method == "OPTIONS" and not answer.content)


@pytest.mark.parametrize("caller", ["nobody", "garbage", "user", "another", "culler", "admin"])
def test_no_other_token_counts(
    demo: Demo, waiting: Waiting, tokens: dict[str, str | None], caller: str
) -> None:
    """Not even one of bob's own: the callback is the server's, not its user's."""
    with nothing_changes(demo.site):
        assert post(demo, f'{{"port": {PORT}}}', tokens[caller]) == 403
    assert ledger_row(demo.site, waiting.job)["port"] is None


def test_another_servers_token_moves_nothing(demo: Demo, waiting: Waiting, server: Server) -> None:
    """alice's server runs: its token has told its port, and tells no other, of no server."""
    with nothing_changes(demo.site):
        assert post(demo, f'{{"port": {PORT}}}', server.token) == 409


def test_a_cookie_is_not_enough(demo: Demo, waiting: Waiting) -> None:
    """bob's own session, with the token against forgery and all that a page of the hub's could
    send."""
    with nothing_changes(demo.site):
        assert waiting.person.api("POST", "/sitekit/listening", {"port": PORT}).status_code == 403
        asked = waiting.person.api(
            "POST", f"/sitekit/listening?token={waiting.token}", {"port": PORT}
        )
        assert asked.status_code == 403


def test_a_server_reports_only_its_own_memory(
    demo: Demo, waiting: Waiting, server: Server, tokens: dict[str, str | None]
) -> None:
    """alice's server reports in its own time, so that her figure is only not the one of the attack."""
    own = ledger_row(demo.site, waiting.job)["tag"]

    def memory() -> dict[str, int]:
        return dict(rows(demo.site.ledger, "SELECT tag, memory FROM measures"))

    for caller in ("nobody", "garbage", "user", "another", "culler", "admin"):
        assert post(demo, '{"memory": 7777777}', tokens[caller], MEMORY) == 403, caller
    asked = waiting.person.api("POST", "/sitekit/memory", {"memory": 7777777})
    assert asked.status_code == 403, "a cookie is not enough"
    for body in ('{"memory": -1}', '{"memory": 1e9}', '{"memory": 7, "user": "alice"}', "7"):
        assert post(demo, body, waiting.token, MEMORY) == 400, body
    assert 7777777 not in memory().values() and memory()[own] is None
    assert post(demo, '{"memory": 7777777}', waiting.token, MEMORY) == 204
    assert [tag for tag, value in memory().items() if value == 7777777] == [own]


@pytest.mark.parametrize("caller", ["nobody", "waiting", "server", "user", "admin"])
def test_batchspawners_callback_is_gone(
    demo: Demo, waiting: Waiting, tokens: dict[str, str | None], caller: str, tmp_path: Path
) -> None:
    token = waiting.token if caller == "waiting" else tokens[caller]
    tmp_path.chmod(0o777)
    marker = tmp_path / "marker"
    body = json.dumps(
        {"port": PORT, "ip": "127.0.0.7", "exec_prefix": f"touch {marker};", "job_id": "1"}
    )
    with nothing_changes(demo.site):
        for method in ("POST", "GET", "PUT"):
            answer = call(demo.site.front.url, method, "/hub/api/batchspawner", token, content=body)
            assert answer.status_code in (403, 404, 405)
    assert not marker.exists()


def test_the_server_starts_as_if_nothing_had_been_and_its_port_stays(
    demo: Demo, waiting: Waiting
) -> None:
    """After all of the above. The token works once, for the server itself; and no more once the
    server is gone."""
    ask(demo.site, "scontrol", "update", f"PartitionName={PARTITION}", "State=UP")
    assert list(waiting.person.progress())[-1].get("ready")
    row = ledger_row(demo.site, waiting.job)
    low, high = demo.site.server.port_range
    assert low <= row["port"] <= high
    assert routes(demo.site)["/user/bob"] == f"https://{name_of(row['tag'])}:{row['port']}"
    with nothing_changes(demo.site):
        for port in (row["port"], PORT, 20778):
            assert post(demo, f'{{"port": {port}}}', waiting.token) == 409
    assert waiting.person.lab().status_code == 200

    waiting.person.stop_and_wait()
    before = look(demo.site)
    assert post(demo, f'{{"port": {PORT}}}', waiting.token) == 403
    assert call(demo.site.front.url, "GET", "/hub/api/user", waiting.token).status_code == 403
    after = look(demo.site)
    assert (after["routes"], after["ledger"]) == (before["routes"], before["ledger"])
