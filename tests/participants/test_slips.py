"""The printed slips, as a browser and a PDF viewer show them: a reader finds the address in each."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import zxingcpp

from sitekit.machine.participants.account_record import FOLDER

from .conftest import PREFIX, Kit

COUNT = 9


def printed_by_chromium(page: Path, folder: Path) -> Path:
    """Print a page as a person does who chooses `Save as PDF`."""
    file = folder / "printed.pdf"
    argv = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={folder}/profile",
    ]
    subprocess.run(
        [*argv, f"--print-to-pdf={file}", page.as_uri()],
        check=True,
        capture_output=True,
        timeout=600,
    )
    return file


def pictures(file: Path, folder: Path) -> list[memoryview]:
    """The pages of a PDF as grey pixels."""
    subprocess.run(
        ["pdftoppm", "-gray", "-r", "120", file, folder / "page"], check=True, timeout=300
    )
    return [pixels(path.read_bytes()) for path in sorted(folder.glob("page*.pgm"))]


def pixels(content: bytes) -> memoryview:
    kind, size, _, rest = content.split(b"\n", 3)
    width, height = map(int, size.split())
    assert kind == b"P5"
    return memoryview(rest).cast("B", (height, width))


@pytest.mark.parametrize("form", ["html", "pdf"])
def test_each_slip_has_its_code_and_its_words(kit: Kit, form: str, tmp_path: Path) -> None:
    kit.make(COUNT)
    code, printed = kit.run("accounts_slips", f"PREFIX={PREFIX}", f"FORMAT={form}")
    assert code == 0, printed
    page = FOLDER / kit.site.name / f"{PREFIX}.{form}"
    assert page.stat().st_mode & 0o777 == 0o600
    file = printed_by_chromium(page, tmp_path) if form == "html" else page
    found = [
        one.text for image in pictures(file, tmp_path) for one in zxingcpp.read_barcodes(image)
    ]
    assert found == [kit.site.front.url] * COUNT
    argv = ["pdftotext", "-layout", file, "-"]
    text = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=300).stdout
    for person in kit.record().participants:
        assert text.count(person.name) == text.count(person.password) == 1
    assert text.count(kit.site.title) >= COUNT


def test_without_accounts_there_are_no_slips(kit: Kit) -> None:
    code, printed = kit.run("accounts_slips", f"PREFIX={PREFIX}")
    assert code == 2 and "make accounts" in printed
