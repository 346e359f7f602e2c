"""Slurm's endings and refusals, told as cards."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from sitekit.backends.slurm.ended_jobs_and_node_addresses import JobRecord
from sitekit.backends.slurm.sbatch_errors import explain_refusal
from sitekit.backends.start_and_job_records import Ending, Refused
from sitekit.base.data_files import data
from sitekit.hub.choices.form_values import FormValues
from sitekit.hub.messages.cards_of_stops_by_others import card_of_stop
from sitekit.hub.messages.ended_cards import card_of, without_requests
from sitekit.hub.messages.failed_start_cards import Card, card_of_refusal
from sitekit.hub.messages.form import Visit, template
from sitekit.hub.servers.activity_interval_and_stop_delay import CULLER
from sitekit.site import load_site

SITE = load_site(data("config/sites/demo.yml"))
CHOICE = {"title": "Small", "cap": 1500, "time": 14400}


BACKEND = SimpleNamespace(title="Slurm", explain_refusal=explain_refusal)


def ending(state: str, **more) -> Ending:
    """How job 7 ended, by Slurm's word."""
    return JobRecord("7", state, **more).ending()


def refusal(kind: str, text: str) -> Card:
    return card_of_refusal(BACKEND, Refused(kind, text))


def card(state: str, *lines: str, starting: bool = False, **more):
    return card_of(ending(state, **more), CHOICE, SITE.tiers, lines, starting=starting)


@pytest.mark.parametrize(
    ("state", "kind", "word"),
    [
        ("OUT_OF_MEMORY", "memory", "1.5 GB"),
        ("TIMEOUT", "time", "4 hours"),
        ("NODE_FAIL", "node", "failed"),
        ("PREEMPTED", "preempted", "priority"),
        ("CANCELLED", "cancelled", "cancelled"),
        ("FAILED", "crash", "exit code"),
        ("BOOT_FAIL", "node", "failed"),
        ("DEADLINE", "time", "time"),
        ("REVOKED", "revoked", "federation"),
    ],
)
def test_each_ending_has_its_sentence(state: str, kind: str, word: str) -> None:
    told = card(state, exit_code=1)
    assert told.kind == kind and word in told.what and told.remedy.endswith(".")


@pytest.mark.parametrize(
    ("state", "choice", "remedy"),
    [
        ("OUT_OF_MEMORY", {"cap": 1500}, 'The tier "Your own size" has 2.4 GB.'),
        ("OUT_OF_MEMORY", {"cap": 2500}, 'The tier "Large" has 5 GB.'),
        ("OUT_OF_MEMORY", {"cap": 9999}, "No tier has more memory."),
        ("TIMEOUT", {"time": 14400}, 'The tier "Five days" has 5 days.'),
        ("TIMEOUT", {"time": 432000}, "No tier has more time."),
    ],
)
def test_the_tier_that_would_have_fitted_is_named(
    state: str, choice: dict[str, int], remedy: str
) -> None:
    told = card_of(ending(state), CHOICE | choice, SITE.tiers, (), starting=False)
    assert told and remedy in told.remedy


@pytest.mark.parametrize(
    ("kind", "name", "card", "word"),
    [
        ("user", "alice", None, ""),
        ("user", "carol", "stopped", "administrator"),
        ("service", CULLER, "idle", "1 hour"),
        ("service", "backup", "stopped", "backup"),
    ],
)
def test_who_is_told_of_a_stop(kind: str, name: str, card: str | None, word: str) -> None:
    told = card_of_stop(
        SITE, SimpleNamespace(kind=kind, name=name), "alice", {"tier": "small", "title": "Small"}
    )
    assert (told.kind if told else None) == card and (told is None or word in told.what)


def test_the_idle_limit_of_a_removed_course_is_told() -> None:
    stopper = SimpleNamespace(kind="service", name=CULLER)
    told = card_of_stop(SITE, stopper, "alice", {"tier": "bio101", "title": "Bio", "idle": 1800})
    assert told and "is 30 minutes." in told.what


def test_a_limit_that_slurm_had_cut_is_told_and_the_same_tier_is_not_advised() -> None:
    told = card_of(
        ending("TIMEOUT", elapsed=3600, limit=3600),
        {**CHOICE, "tier": "small"},
        SITE.tiers,
        (),
        starting=False,
    )
    assert told and told.figures["ran for"] == "1 hour of 1 hour"
    assert SITE.tier("small").title not in told.remedy and SITE.tier("large").title in told.remedy


def test_a_release_that_nobody_may_read_is_the_administrators() -> None:
    line = "/var/spool/slurmd/job00007/slurm_script: 7: exec: /opt/x/releases/1/bin/python: Permission denied"
    assert card("FAILED", line, exit_code=126).kind == "release"


@pytest.mark.parametrize(
    ("by", "owner", "who"),
    [
        (1001, 1001, "by yourself, with scancel"),
        (0, 1001, "by an administrator of the cluster, with scancel"),
        (1002, 1001, "by an administrator of the cluster, with scancel"),
        (None, 1001, "Slurm does not report by whom"),
    ],
)
def test_a_cancelled_job_says_by_whom(by: int | None, owner: int, who: str) -> None:
    assert who in card("CANCELLED", by=by, owner=owner).what


def test_the_log_is_shown_without_single_requests() -> None:
    request = "[W 2026-11-28 03:50:01.200 ServerApp log:192] 404 GET /user/u/module/not%20found (u@127.0.0.1) 1.20ms"
    said = [
        "[I 2026-11-28 03:50:01.100 ServerApp] Kernel started",
        request.replace("404", "200"),
        request,
    ]
    assert without_requests(said) == said[:1]


def test_a_server_that_was_asked_to_end_has_no_card() -> None:
    assert card("COMPLETED") is None
    assert card("COMPLETED", starting=True).kind == "crash"


@pytest.mark.parametrize(
    ("state", "elapsed", "kind"), [("COMPLETED", 14330, "time"), ("FAILED", 14290, "time")]
)
def test_a_server_that_ended_at_slurms_warning_was_out_of_time(
    state: str, elapsed: int, kind: str
) -> None:
    """SIGTERM comes a minute or two before the limit; the server then ends by itself, and to Slurm
    it has completed."""
    told = card(state, elapsed=elapsed, limit=14400)
    assert told.kind == kind and "4 hours" in told.what
    assert card("COMPLETED", elapsed=14000, limit=14400) is None


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("OSError: [Errno 28] No space left on device: '/home/a'", "home"),
        ("sitekit: no free port from 20000 to 20001 on n1", "port"),
        ("/opt/x/bin/python: not found", "release"),
        ("sitekit: the hub did not answer at http://h within 300 s; giving up", "network"),
        ("Lmod has detected the following error", "module"),
        ("FATAL: could not open image x.sif", "image"),
    ],
)
def test_the_log_tells_why_a_server_crashed(line: str, kind: str) -> None:
    assert card("FAILED", "something", line, exit_code=1).kind == kind


def test_figures() -> None:
    told = card("OUT_OF_MEMORY", peak_memory=1490, elapsed=600, node="n1")
    assert told.figures == {
        "job": "7",
        "tier": "Small",
        "memory used": "1.5 GB of 1.5 GB",
        "ran for": "10 minutes of 4 hours",
        "node": "n1",
    }


def test_markup_in_a_log_is_shown_not_rendered() -> None:
    """On the page of a start, and in the form."""
    told = card("FAILED", "<script>alert(1)</script>", exit_code=1)
    form = template().render(typed=FormValues(), visit=Visit("bob"), card=told.as_dict())
    for page in (told.as_html(), form):
        assert "&lt;script&gt;alert(1)" in page and "<script>alert" not in page


SBATCH = "sbatch: error: Batch job submission failed: "


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (SBATCH + "Invalid account or account/partition combination specified", "account"),
        (SBATCH + "Invalid qos specification", "qos"),
        (
            SBATCH
            + "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
            "limit",
        ),
        ("sbatch: error: invalid partition specified: nope", "partition"),
        (SBATCH + "Requested time limit is invalid (missing or exceeds some limit)", "time"),
        (SBATCH + "Required partition not available (inactive or drain)", "partition"),
        (SBATCH + "Requested node configuration is not available", "size"),
        ("sbatch: error: something new", "refused"),
    ],
)
def test_sbatchs_refusals(text: str, kind: str) -> None:
    assert refusal("sbatch", text).kind == kind


def test_a_home_that_is_full() -> None:
    assert (
        "full"
        in refusal("home", "/home/a/.jupyterhub cannot be written: No space left on device").what
    )
    assert (
        "cannot be written" in refusal("home", "/home/a cannot be written: Permission denied").what
    )
