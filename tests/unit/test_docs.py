"""Every page has contents, its links lead to files and headings that exist, and its shell commands
are run in a test or say why not."""

from __future__ import annotations

import itertools
import re
import subprocess
from pathlib import Path

import pytest

from sitekit.commands import GROUPS

TOP = Path(__file__).parents[2]
PAGES = sorted([*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")])
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The names by which a link can reach a page's headings, as forges make them."""
    headings = HEADING.findall(CODE.sub("", page.read_text()))
    plain = [re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_a_page_says_something_and_its_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    assert text.startswith("# ") and text.count("\n") > 5, "a page begins with its title"
    for link in LINK.findall(CODE.sub("", text)):
        if ":" in link:  # another host
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_a_page_is_linked_from_another_one() -> None:
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in LINK.findall(page.read_text())
    }
    assert [page for page in PAGES if page not in linked and page.name != "README.md"] == []


PICTURE = re.compile(r"!\[[^\]]{10,}\]\(([^)\s]+)\)")
WRITES = re.compile(r'\bpicture\(page, "([a-z_]+)"')
DASHBOARDS = (TOP / "config/monitoring").glob("sitekit-*.json")


def test_each_picture_is_shown_and_a_test_writes_it() -> None:
    """test_a_page_says_something checks that the pictures that a page shows exist."""
    folder = TOP / "docs/pictures"
    shown = {
        (page.parent / path).resolve()
        for page in PAGES
        for path in PICTURE.findall(page.read_text())
        if path.endswith(".png")
    }
    assert shown == set(folder.iterdir())
    tests = "".join(path.read_text() for path in (TOP / "tests/browser").glob("test_*.py"))
    written = {f"{name}.png" for name in WRITES.findall(tests)}
    written |= {f"{path.stem.replace('sitekit-', 'dashboard-')}.png" for path in DASHBOARDS}
    assert written == {path.name for path in shown}
    assert [path.name for path in shown if path.stat().st_size > 300_000] == []


SHELL = re.compile(
    r"(?:sudo |0 4 )?(?:make|git|srun|sitekit-kernel|module load|install -m|apt|echo|groupadd|useradd|"
    r"apptainer|scontrol|hostnamectl|docker|-u|\* \* \*|\S*scripts/kit|PREFIX/\S+)\s"
)
MARK = re.compile(r" *<!-- (?:run: (?P<tests>.+)|not run: (?P<why>.{10,})) -->")
ALSO = {"kernels_diff": "switch=False"}
"""Commands that tests run under another name."""
OURSELVES = {"test", "test_quick"}
NAMES = {name for commands in GROUPS.values() for name in commands} | {"help"}


def shell_blocks(page: Path) -> list[tuple[int, str, list[str]]]:
    """The blocks of shell commands in a page: line number, the line before the block, its lines."""
    lines = page.read_text().split("\n")
    blocks = []
    for number, line in enumerate(lines):
        above = lines[number - 1].strip()
        begins = (not above and line.startswith("    ")) or above in ("```sh", "```bash")
        if number and begins and SHELL.match(line.strip()):
            end = next((n for n in range(number, len(lines)) if not lines[n].strip()), len(lines))
            before = [text for text in lines[:number] if text.strip()]
            blocks.append((number + 1, before[-1] if before else "", lines[number:end]))
    return blocks


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(TOP)))
def test_shell_commands_are_run_in_a_test_or_say_why_not(page: Path) -> None:
    """Each block has a comment: `run:` names tests in which its commands of make occur."""
    for line, before, block in shell_blocks(page):
        mark = MARK.fullmatch(before)
        assert mark, (
            f"{page.name}:{line}: write `<!-- run: tests/... -->` above: {block[0].strip()}"
        )
        if mark["why"]:
            continue
        files = re.findall(r"tests/[\w/]+\.py", mark["tests"])
        assert files, f"{page.name}:{line}: no test is named"
        tests = "".join((TOP / file).read_text() for file in files)
        for commands in re.findall(r"\bmake ((?:[a-z_]+ ?)+)", "\n".join(block)):
            targets = itertools.takewhile(NAMES.__contains__, commands.split())
            for command in set(targets) - OURSELVES:
                found = re.search(rf"\b{command}\b", tests) or ALSO.get(command, "\0") in tests
                assert found, f"{page.name}:{line}: {command} is in none of {files}"


def test_blocks_of_shell_commands_are_found() -> None:
    """A test that finds no block would find no fault."""
    assert sum(len(shell_blocks(page)) for page in PAGES) > 30


def test_the_commands_that_only_read_are_run_as_they_stand() -> None:
    """Of the administrator's guide and the README: check_site and show."""
    for command in ("check_site", "show"):
        assert f"    make {command} " in (TOP / "docs" / "administrators.md").read_text()
        done = subprocess.run(
            ["make", "-s", command, "SITE=config/sites/triton.yml"],
            cwd=TOP, check=True, text=True, capture_output=True,
        )  # fmt: skip
        assert "triton" in done.stdout
