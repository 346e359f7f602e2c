"""A real Prometheus reads the demo's hub with the token alone, evaluates the alert rules, and answers
all queries of the dashboards."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator

import httpx
import pytest

from sitekit.contracts.metrics_token import hub_token, prometheus_token

from ..alerts import RULES, check_rules
from ..conftest import Demo
from ..packages import install
from ..person import Person
from ..prometheus import BOARDS, prometheus, variables
from ..slurm import until


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    install("prometheus")


@pytest.fixture(scope="module")
def api(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The API of a Prometheus with the rendered scrape configuration, but more requests."""
    with prometheus(demo.site, tmp_path_factory.mktemp("prometheus")) as client:
        yield client


def results(api: httpx.Client, query: str) -> list[dict[str, object]]:
    answer = api.get("/query", params={"query": query}).json()
    assert answer["status"] == "success", (query, answer)
    return answer["data"]["result"]


def test_promtool_accepts_the_rules_and_each_fires_on_its_fault() -> None:
    check_rules()


def test_the_token_reads_metrics_and_nothing_else(demo: Demo) -> None:
    token = prometheus_token(demo.site)
    own, hubs = token.stat(), hub_token(demo.site).stat()
    assert (own.st_uid, own.st_gid, stat.S_IMODE(own.st_mode)) == (0, 0, 0o640)
    assert (hubs.st_uid, stat.S_IMODE(hubs.st_mode)) == (0, 0o640)
    bearer = {"Authorization": f"Bearer {token.read_text().strip()}"}
    with demo.person("alice") as nobody:
        get = nobody.http.get
        assert "sitekit_servers" in get("/hub/metrics", headers=bearer).text
        assert get("/hub/metrics").status_code == 403
        for path in ("users", "services", "proxy", "sitekit/status", "users/alice", "groups"):
            assert get(f"/hub/api/{path}", headers=bearer).status_code in (403, 404), path
        start = nobody.http.post("/hub/api/users/alice/server", headers=bearer)
        assert start.status_code in (403, 404)


def test_prometheus_reads_the_hub_and_evaluates_every_rule(
    demo: Demo, api: httpx.Client, alice: Person
) -> None:
    assert alice.start("small")[-1].get("ready")
    until(lambda: results(api, 'up{sitekit="demo"} == 1'))
    until(lambda: results(api, 'sitekit_servers{tier="small",state="running"} == 1'))
    until(lambda: results(api, 'sitekit_memory_used_bytes{tier="small"} > 10e6'))
    asked = demo.site.tier("small").memory * 2**20
    until(lambda: results(api, f'sitekit_memory_requested_bytes{{tier="small"}} == {asked}'))
    for phase in ("submit", "queue", "boot", "ready"):
        count = f'sitekit_start_phase_seconds_count{{phase="{phase}"}} >= 1'
        until(lambda count=count: results(api, count))
    until(lambda: results(api, 'sitekit_queue_wait_seconds_count{tier="small"} >= 1'))
    text = alice.http.get("/hub/metrics").text
    assert "sitekit_servers" not in text, "a user cannot read the metrics"

    def rules() -> list[dict[str, object]]:
        [group] = api.get("/rules").json()["data"]["groups"]
        return group["rules"]

    until(lambda: all(rule["health"] == "ok" for rule in rules()))
    assert len(rules()) == RULES.read_text().count("- alert:")
    names = json.dumps(api.get("/label/__name__/values").json())
    labels = json.dumps(api.get("/series", params={"match[]": '{__name__=~"sitekit_.*"}'}).json())
    assert "sitekit_orphans" in names and "alice" not in labels

    queries = [
        target["expr"]
        for board in BOARDS
        for panel in json.loads(board.read_text())["panels"]
        for target in panel["targets"]
    ]
    for query in queries:
        until(lambda query=query: results(api, variables(query)))
