"""JupyterLab's own parts of sitekit: the status bar, another tier, and the end of the server."""

from __future__ import annotations

import json
import re

import httpx
from playwright.sync_api import BrowserContext, Page, Route, expect

from sitekit.base.language import use
from sitekit.base.read_and_check_catalogue import translations
from sitekit.base.translate_javascript_texts import script_translations
from sitekit.hub.messages import lab_texts

from ..conftest import Demo
from ..person import Person
from ..slurm import ask
from .conftest import PATIENCE, go_to, shoot, wait_until
from .test_first_hour import login

TOAST = ".Toastify__toast"
GIB = 1024**3
PAGES = {"texts": "/hub/sitekit/lab-texts?v=1"}
"""What the server of a German site tells of the hub's pages."""
WARNING = {"time": 300, "time_warnings": [600], "idle": None, "pages": PAGES}
"""What a server tells of itself five minutes before the end of its time."""


def test_a_lab_shows_its_figures_and_how_its_server_ended(
    window: BrowserContext, page: Page, demo: Demo, bob: Person
) -> None:
    said: list[str] = []
    page.on("pageerror", lambda error: said.append(str(error)))
    assert bob.start("small")[-1].get("ready")
    login(page, demo, "bob")
    go_to(page, "/user/bob/lab?reset")
    check_status_bar(page)
    assert not [error for error in said if "restore()" not in error], "not of JupyterLab itself"
    check_full_home(page)
    check_german(page)
    check_change(window, page, bob)
    assert bob.start("small")[-1].get("ready")
    go_to(page, "/user/bob/lab?reset")
    expect(page.locator(".sitekit-change")).to_have_attribute("href", re.compile("/change"))
    check_card(page, demo)


def check_status_bar(page: Page) -> None:
    figures = page.locator(".sitekit-figures")
    expect(figures).to_have_text(re.compile(r"^(\d+ h )?\d+ min left · Memory 0\.\d of 1\.5 GB$"))
    expect(figures).to_have_attribute("href", re.compile("/hub/home$"))
    expect(figures).to_have_attribute("title", re.compile("Home directory: .* are free"))
    shoot(page, "status-bar")


def check_full_home(page: Page) -> None:
    home = {"size": 10 * GIB, "free": GIB // 10, "files": None, "state": "nearly full"}
    memory = {"used": GIB, "limit": 2 * GIB, "peak": GIB}
    gpus = [{"busy": 35, "used": GIB, "memory": 4 * GIB, "name": "NVIDIA A100"}]
    figures = {"time": 59, "memory": memory, "gpus": gpus, "home": home, "pages": {}}
    body = json.dumps(figures)
    page.route(
        "**/sitekit/figures",
        lambda route: route.fulfill(status=200, content_type="application/json", body=body),
    )
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    text = "Your home directory is nearly full: 0.1 GB of 10.0 GB are free"
    expect(page.locator(TOAST, has_text=text)).to_have_count(1)
    expect(page.locator(".sitekit-figures")).to_have_text(
        "0 min left · Memory 1.0 of 2.0 GB · GPU 35 %"
    )
    page.unroute("**/sitekit/figures")


def check_german(page: Page) -> None:
    """As on a German site, where the server sends the address of the hub's translations."""
    use(translations("de", None), "de")
    texts = script_translations(*lab_texts.SCRIPTS.glob("*.js"))
    use(translations("en", None), "en")
    german = {"language": "de", "texts": texts}
    page.route("**/sitekit/lab-texts?v=1", lambda route: route.fulfill(json=german))

    def with_texts(route: Route) -> None:
        told = route.fetch(timeout=PATIENCE).json()
        told["pages"].update(PAGES)
        route.fulfill(json=told)

    page.route("**/sitekit/figures", with_texts)
    page.route("**/sitekit/notice", lambda route: route.fulfill(json=WARNING))
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".sitekit-figures")).to_have_text(re.compile("^noch .* · Speicher .* von "))
    expect(page.locator(".sitekit-change")).to_have_text("Größe ändern")
    text = "Die Zeit dieses Servers läuft in 5 Minuten ab, um "
    expect(page.locator(TOAST, has_text=text)).to_have_count(1)
    for answer in ("figures", "notice"):
        page.unroute(f"**/sitekit/{answer}")


def check_change(window: BrowserContext, page: Page, bob: Person) -> None:
    """The menu, still German, leads to a page with a button, and without the page's own value
    nothing happens."""
    page.get_by_role("menuitem", name="File", exact=True).click()
    with window.expect_page() as opened:
        page.get_by_role("menuitem", name="Stoppen und andere Größe wählen").click()
    change = opened.value
    expect(change.get_by_role("heading")).to_have_text("Stop this server and choose another tier?")
    shoot(change, "change-tier")
    assert bob.http.post("/hub/sitekit/change?server=").status_code == 403
    assert bob.server() is not None
    change.click("#stop-and-choose")
    expect(change.locator("input[name=tier]").first).to_be_visible()
    expect(page.locator(".jp-Dialog")).to_contain_text("Dieser Server wurde gestoppt.")
    change.close()


def check_card(page: Page, demo: Demo) -> None:
    # and not the page's own list of its requests, which has room for 250
    asked: list[str] = []
    page.on("requestfinished", lambda request: asked.append(request.url))
    ask(demo.site, "scancel", "--user=bob")
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("Your server has ended")
    expect(dialog.locator(".sitekit-ended")).to_contain_text("cancelled by an administrator")
    shoot(page, "ended-in-lab")
    wait_until(page, lambda: any("/sitekit/end?" in address for address in asked))
    address = httpx.URL([address for address in asked if "/sitekit/end?" in address][-1])
    told = httpx.get(address, verify=False, timeout=60)  # noqa: S501
    assert told.json()["card"]["kind"] == "cancelled"
    for key in ("", "0" * 64):
        wrong = address.copy_set_param("key", key)
        assert httpx.get(wrong, verify=False, timeout=60).status_code == 404  # noqa: S501
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
