"""A course in a browser: first on the participant's form, and the instructor's page, which changes by
itself while a participant starts."""

from __future__ import annotations

import html
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from playwright.sync_api import Page, expect

from ..applied import courses_applied
from ..conftest import Demo, logged_in
from ..person import Person
from .accessible import require_accessible
from .conftest import go_to, shoot
from .test_first_hour import login
from .test_notice import TOAST, Told, open_lab

TITLE = "Chem <i>101</i> & more"


@pytest.fixture(scope="module")
def course(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("courses")
    (folder / "names.csv").write_text("alice\nbob\ncarol,instructor\n")
    (folder / "chem7.yml").write_text(
        f'title: "{TITLE}"\nstarts: {date.today()}\nends: {date.today() + timedelta(days=1)}\n'
        "tier: small\nroster: {file: names.csv}\n"
    )
    with courses_applied(folder):
        yield


@pytest.fixture
def carol(demo: Demo) -> Iterator[Person]:
    with logged_in(demo, "carol") as person:
        yield person


def test_the_course_is_first_on_the_form_of_a_participant(
    course: None, page: Page, demo: Demo, bob: Person
) -> None:
    login(page, demo, "bob")
    go_to(page, "/hub/spawn/bob")
    first = page.locator(".sitekit-tier").first
    expect(first).to_contain_text(TITLE)
    expect(first.locator(".badge")).to_have_text("course")
    expect(page.get_by_text("Page for instructors")).to_have_count(0)
    go_to(page, "/hub/spawn?tier=chem7")
    expect(page.locator('input[value="chem7"]')).to_be_checked()
    shoot(page, "course-form")


def test_the_instructors_page_changes_by_itself(
    course: None, page: Page, demo: Demo, bob: Person, carol: Person
) -> None:
    login(page, demo, "carol")
    go_to(page, "/hub/spawn/carol")
    page.get_by_text(f"Page for instructors of {TITLE}").click()
    expect(page.locator("h1")).to_have_text(TITLE)
    assert html.escape(TITLE) in page.content()
    row = page.locator('tr[data-name="bob"]')
    assert bob.choose("chem7").status_code == 302
    assert list(bob.progress())[-1].get("ready")
    expect(row.locator(".state")).to_have_text("running")
    expect(page.locator("#counts")).to_contain_text("1 running")
    expect(row.locator(".node")).not_to_be_empty()
    page.fill("#text", "Coffee at <b>ten</b> [here](https://evil.example)")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#messages")).to_contain_text("carol: Coffee at <b>ten</b>")
    shoot(page, "course-instructor")
    require_accessible(page, "course")

    row.get_by_role("button", name="Stop").click()
    expect(row.locator(".state")).to_have_text("stopped")
    expect(row.locator(".why")).to_contain_text("An instructor of")
    expect(row.get_by_role("button", name="Start again")).to_be_visible()
    shoot(page, "course-stopped")


def test_a_message_is_plain_text_in_the_lab(
    course: None, page: Page, demo: Demo, bob: Person
) -> None:
    message = {
        "id": "1",
        "from": "carol",
        "text": "Coffee at <b>ten</b> [here](https://evil.example)",
    }
    login(page, demo, "bob")
    assert bob.start("small")[-1].get("ready")
    long = " ".join(f"word{number}" for number in range(60))
    kept = {"text": "{name} is kept.", "values": {"name": "a_b_c.ipynb"}}
    notices = [kept, {"text": long, "values": {}}]
    open_lab(page, Told(messages=[message], course_notices=notices))
    toast = page.locator(TOAST)
    expect(
        toast.filter(has_text="carol: Coffee at <b>ten</b> [here](https://evil.example)")
    ).to_be_visible()
    expect(toast.filter(has_text="a_b_c.ipynb is kept.")).to_be_visible()
    expect(toast.locator("a")).to_have_count(0)
    expect(toast.filter(has_text="word59")).to_be_visible()
    told = [word for text in toast.all_inner_texts() for word in text.split()]
    assert sorted(word for word in told if word.startswith("word")) == sorted(long.split())
    shoot(page, "course-message")
