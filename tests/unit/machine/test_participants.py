"""Names, passwords and slips of participants' accounts. tests/participants creates real ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import zxingcpp
from machine_sites import demo, shipped

from sitekit.base.errors import BadInput
from sitekit.machine.participants import account_record, arguments, create_accounts
from sitekit.machine.participants.account_record import Participant, Record
from sitekit.machine.participants.passwords import LETTERS, new_password
from sitekit.machine.participants.slips_html import Slip, html, qr_code
from sitekit.machine.participants.slips_pdf import pdf

URL = "https://workshop.example.org:8443"
SLIPS = [
    Slip("Workshop <b>& more</b>", URL, f"training{number:02}", f"pass-{number:04}")
    for number in range(1, 31)
]


def wanted(*words: str) -> arguments.Wanted:
    return arguments.wanted(demo(), words)


def test_the_names_have_numbers_of_one_length() -> None:
    assert wanted("COUNT=2", "PREFIX=training").names == ["training01", "training02"]
    assert wanted("COUNT=2", "PREFIX=ws-", "FIRST=99").names == ["ws-099", "ws-100"]
    assert len(set(wanted("COUNT=500", "PREFIX=a", "FIRST=9500").names)) == 500


def test_accounts_that_exist_keep_their_names_when_more_are_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_record, "FOLDER", tmp_path / "records")
    few = wanted("COUNT=2", "PREFIX=training")
    assert create_accounts.named_as_before(demo(), few) == few, "there is no record yet"
    people = [Participant(name=name, uid=1007, home=tmp_path, password="x") for name in few.names]
    account_record.save(demo(), "training", Record(group="workshop", participants=people))
    many = create_accounts.named_as_before(demo(), wanted("COUNT=100", "PREFIX=training"))
    assert many.names[:2] == few.names and many.names[98:] == ["training99", "training100"]
    assert len(set(many.names)) == 100


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (("PREFIX=training",), "COUNT"),
        (("COUNT=0", "PREFIX=training"), "COUNT"),
        (("COUNT=501", "PREFIX=training"), "COUNT"),
        (("COUNT=-1", "PREFIX=training"), "COUNT"),
        (("COUNT=3 ", "PREFIX=training"), "COUNT"),
        (("COUNT=\u0663", "PREFIX=training"), "COUNT"),
        (("COUNT=2", "PREFIX=training", "FIRST=9999"), "FIRST"),
        (("COUNT=1",), "PREFIX"),
        (("COUNT=1", "PREFIX=Training"), "PREFIX"),
        (("COUNT=1", "PREFIX=training1"), "PREFIX"),
        (("COUNT=1", "PREFIX=../x"), "PREFIX"),
        (("COUNT=1", "PREFIX=-r"), "PREFIX"),
        (("COUNT=1", "PREFIX=a:b"), "PREFIX"),
        (("COUNT=1", "PREFIX=a\n"), "PREFIX"),
        (("COUNT=1", f"PREFIX={'a' * 25}"), "PREFIX"),
        (("COUNT=1", "PREFIX=training", "GROUP=sudo"), "GROUP"),
        (("COUNT=1", "PREFIX=training", "PASSWORD=hunter2"), "PASSWORD"),
        (("COUNT=1", "PREFIX=training", "SHELL=/bin/sh"), "accounts"),
        (("training",), "accounts"),
    ],
    ids=str,
)
def test_odd_arguments_are_refused(words: tuple[str, ...], where: str) -> None:
    with pytest.raises(BadInput) as refused:
        wanted(*words)
    assert refused.value.where == where and refused.value.remedy and refused.value.exit_code == 2


def test_participants_are_no_administrators() -> None:
    both = demo(login={"allowed_groups": ["staff"], "admin_groups": ["staff"]})
    with pytest.raises(BadInput, match="administrators of the hub"):
        arguments.wanted(both, ("COUNT=1", "PREFIX=training"))


def test_a_site_whose_users_log_in_elsewhere_has_no_use_for_passwords() -> None:
    with pytest.raises(BadInput, match="github"):
        arguments.wanted(shipped("gateway-workshop"), ("COUNT=1", "PREFIX=training"))


def test_passwords_are_random_and_can_be_read_aloud() -> None:
    found = {new_password() for _ in range(500)}
    assert len(found) == 500
    assert all(re.fullmatch(rf"([{LETTERS}]{{4}}-){{2}}[{LETTERS}]{{4}}", one) for one in found)
    assert not set("01loIO") & set("".join(found))


def test_the_record_is_read_as_it_was_written() -> None:
    person = Participant(name="training01", uid=1007, home=Path("/home/training01"), password="x")
    written = Record(group="workshop", before={"/etc/passwd": "1"}, participants=[person])
    assert Record.model_validate_json(written.model_dump_json()) == written


def test_the_page_has_all_slips_and_loads_nothing() -> None:
    page = html(SLIPS)
    for slip in SLIPS:
        assert page.count(f">{slip.user}<") == page.count(f">{slip.password}<") == 1
    assert "<b>" not in page and "Workshop &lt;b&gt;&amp; more" in page
    assert set(re.findall(r"https?://[^\s<\"']+", page)) == {URL}
    assert not re.search(r"<script|<link|<img|\bsrc=|@import|url\(", page)


@pytest.mark.parametrize("url", [URL, "https://localhost:8443", f"https://{'a' * 60}.example.org"])
def test_a_reader_finds_the_address_in_the_code(url: str) -> None:
    rows = list(qr_code(url).matrix_iter(scale=4, border=4))
    pixels = b"".join(bytes(0 if dark else 255 for dark in row) for row in rows)
    image = memoryview(pixels).cast("B", (len(rows), len(rows[0])))
    assert [found.text for found in zxingcpp.read_barcodes(image)] == [url]


def test_the_pdf_has_eight_slips_on_a_page() -> None:
    document = pdf(SLIPS)
    assert document.startswith(b"%PDF-") and document.count(b"/Type /Page/") == 4


def test_a_title_that_the_fonts_cannot_show_is_refused() -> None:
    with pytest.raises(BadInput, match="'\u0141'") as refused:
        pdf([Slip("Warsztaty \u0141\u00f3d\u017a", URL, "training01", "x")])
    assert "FORMAT=html" in str(refused.value.remedy)
