"""Sizes and times: what is read, what is refused, and that nothing is lost on the way there and
back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitekit.site.types import memory_and_time

MEMORY = [
    ("2200M", 2200),
    ("2G", 2048),
    ("1.5G", 1536),
    ("1T", 1024**2),
    ("2048K", 2),
    ("2g", 2048),
    ("2GB", 2048),
    ("2GiB", 2048),
    (" 300M ", 300),
]
NOT_MEMORY = [
    "",
    "M",
    "2200",
    2200,
    True,
    None,
    "-1G",
    "1P",
    "1,5G",
    "0M",
    "512K",
    "1.3M",
    "2 200M",
    "²G",
    "300\u212a",
]
NOT_MEMORY += ["9" * 400 + "M", ["2G"], "2G\n#SBATCH"]

TIME = [
    ("4:00:00", 14400),
    ("5-00:00:00", 432000),
    ("5-12", 5 * 86400 + 12 * 3600),
    ("1-06:30", 86400 + 6 * 3600 + 30 * 60),
    ("90:00", 5400),
    ("48:00:00", 48 * 3600),
    ("0:30", 30),
    ("60m", 3600),
    ("10h", 36000),
    ("5d", 432000),
    ("45s", 45),
]
NOT_TIME = [
    "",
    "60",
    60,
    True,
    None,
    "0m",
    "0:00:00",
    "4:75:00",
    "1:00:60",
    "1-24:00:00",
    "1-",
    "1:2:3:4",
    "-1:00:00",
]
NOT_TIME += ["never", "UNLIMITED", "1h30m", "9" * 400 + "h", "٣h", "1h x"]


@pytest.mark.parametrize(("text", "mib"), MEMORY)
def test_memory_is_read_as_slurm_reads_it(text: str, mib: int) -> None:
    assert memory_and_time.parse_memory(text) == mib


@pytest.mark.parametrize("text", NOT_MEMORY, ids=ascii)
def test_what_is_not_memory_is_refused_with_the_forms(text: object) -> None:
    with pytest.raises(ValueError, match="write it like 2200M") as refused:
        memory_and_time.parse_memory(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("text", "seconds"), TIME)
def test_time_is_read_as_slurm_reads_it(text: str, seconds: int) -> None:
    assert memory_and_time.parse_time(text) == seconds


@pytest.mark.parametrize("text", NOT_TIME, ids=ascii)
def test_what_is_not_a_time_is_refused_with_the_forms(text: object) -> None:
    with pytest.raises(ValueError, match="write it like 4:00:00"):
        memory_and_time.parse_time(text)


@given(st.integers(1, 2**36))
def test_memory_survives_the_round_trip(mib: int) -> None:
    assert memory_and_time.parse_memory(memory_and_time.format_memory(mib)) == mib


@given(st.integers(1, 10**9))
def test_time_survives_the_round_trip(seconds: int) -> None:
    assert memory_and_time.parse_time(memory_and_time.format_time(seconds)) == seconds


@given(st.integers(1, 2**30), st.sampled_from("KMGT"))
def test_a_size_and_its_suffix_agree(count: int, suffix: str) -> None:
    kib = count * 1024 ** "KMGT".index(suffix)
    if kib % 1024:
        with pytest.raises(ValueError, match="whole number"):
            memory_and_time.parse_memory(f"{count}{suffix}")
    else:
        assert memory_and_time.parse_memory(f"{count}{suffix}") == kib // 1024


@given(st.integers(0, 99999), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_slurms_long_form_is_the_sum_of_its_parts(
    days: int, hours: int, minutes: int, seconds: int
) -> None:
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if total:
        assert memory_and_time.parse_time(f"{days}-{hours:02}:{minutes:02}:{seconds:02}") == total


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans() | st.lists(st.text()))
def test_any_value_gives_a_number_or_a_refusal(value: object) -> None:
    for parse in (memory_and_time.parse_memory, memory_and_time.parse_time):
        try:
            assert parse(value) > 0
        except ValueError:
            continue


@pytest.mark.parametrize(
    ("mib", "text"),
    [(300, "300 MB"), (1023, "1023 MB"), (1024, "1 GB"), (2200, "2.1 GB"), (20480, "20 GB")],
)
def test_memory_for_people(mib: int, text: str) -> None:
    assert memory_and_time.human_memory(mib) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (432000, "5 days"),
        (86400, "1 day"),
        (36000, "10 hours"),
        (5400, "90 minutes"),
        (60, "1 minute"),
        (45, "45 seconds"),
    ],
)
def test_time_for_people(seconds: int, text: str) -> None:
    assert memory_and_time.human_time(seconds) == text
