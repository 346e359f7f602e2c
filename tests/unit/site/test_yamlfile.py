"""The YAML reader: every key knows its line, and every text is either read or refused with a line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sitekit.base.errors import BadInput
from sitekit.site.yaml_files.yaml_file import Document, dotted, read_yaml

IN_ONE_DIRECTORY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

WORD = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda word: word not in ("null", "true", "false")
)
LEAF = st.integers() | st.booleans() | WORD
TREE = st.recursive(
    LEAF, lambda inner: st.dictionaries(WORD, inner, max_size=4) | st.lists(inner, max_size=4)
)


def read(folder: Path, text: str | bytes) -> Document:
    path = folder / "file.yml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return read_yaml(path)


def refusal(folder: Path, text: str | bytes) -> str:
    with pytest.raises(BadInput) as refused:
        read(folder, text)
    assert refused.value.remedy
    return str(refused.value)


def write(tree: dict, blanks: list[int]) -> tuple[str, dict[tuple, int]]:
    """A mapping as block YAML, with blank and comment lines strewn in, and the line of each key
    path."""
    lines: list[str] = []
    places: dict[tuple, int] = {}

    def emit(text: str, key: tuple) -> None:
        for _ in range(blanks[len(places) % len(blanks)]):
            lines.extend(["", "  # a comment: with a colon"])
        lines.append(text)
        places[key] = len(lines)

    def put(value: object, indent: str, key: tuple) -> None:
        rows = value.items() if isinstance(value, dict) else enumerate(value)
        for name, below in rows:
            head = f"{indent}-" if isinstance(value, list) else f"{indent}{name}:"
            if isinstance(below, (dict, list)) and below:
                emit(head, (*key, name))
                put(below, indent + "  ", (*key, name))
            else:
                emit(f"{head} {json.dumps(below)}", (*key, name))

    put(tree, "", ())
    return "\n".join(lines) + "\n", places


@IN_ONE_DIRECTORY
@given(
    st.dictionaries(WORD, TREE, min_size=1, max_size=5),
    st.lists(st.integers(0, 2), min_size=1, max_size=5),
)
def test_values_are_read_and_every_line_is_right(
    tmp_path: Path, tree: dict, blanks: list[int]
) -> None:
    text, places = write(tree, blanks)
    document = read(tmp_path, text)
    assert document.values == tree
    for key, line in places.items():
        # A nested value stands where its own first line does: for an item of a list that is the
        # line below the dash.
        assert document.lines[key] == line or (
            isinstance(key[-1], int) and document.lines[key] > line
        )
        if isinstance(key[-1], str):
            assert text.splitlines()[document.lines[key] - 1].strip().startswith(f"{key[-1]}:")


@IN_ONE_DIRECTORY
@given(
    st.text(alphabet=st.characters(codec="utf-8"))
    | st.text(alphabet="ab:- \n\t[]{}&*!|>'\"#%@`,?<~01.\r")
)
def test_any_text_is_read_or_refused_with_file_and_line(tmp_path: Path, text: str) -> None:
    try:
        document = read(tmp_path, text)
    except BadInput as refused:
        assert re.match(
            rf"{re.escape(str(tmp_path))}/file\.yml:[1-9]\d*(: |$)", refused.where + ": "
        )
        assert int(refused.where.split(":")[1]) <= len(
            re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
        )
        assert refused.remedy
        assert refused.what.isprintable()
    else:
        assert isinstance(document.values, dict)


@IN_ONE_DIRECTORY
@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    try:
        assert isinstance(read(tmp_path, data).values, dict)
    except BadInput as refused:
        assert refused.remedy


def test_the_line_of_a_key_that_is_not_written_is_that_of_its_section(tmp_path: Path) -> None:
    document = read(tmp_path, "a: 1\nb:\n  c: 2\n")
    assert document.line(("b", "c")) == 3
    assert document.line(("b", "missing", 0)) == 2
    assert document.line(("missing",)) == 1
    assert document.where(("b", "missing")) == f"{tmp_path}/file.yml:2: b.missing"


def test_times_stay_text_as_slurm_writes_them(tmp_path: Path) -> None:
    values = read(tmp_path, "a: 5-00:00:00\nb: 12:30:45\nc: 4:00:00\nd: no\ne: 3.10\n").values
    assert values == {"a": "5-00:00:00", "b": "12:30:45", "c": "4:00:00", "d": "no", "e": 3.1}


def test_merged_keys_know_the_line_where_they_are_written(tmp_path: Path) -> None:
    text = "base: &base\n  memory: 2G\n  idle: 60m\nlarge:\n  <<: *base\n  memory: 20G\n"
    document = read(tmp_path, text)
    assert document.values["large"] == {"memory": "20G", "idle": "60m"}
    assert document.line(("large", "memory")) == 6
    assert document.line(("large", "idle")) == 3


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfname: x\n").values == {"name": "x"}


def test_windows_line_ends_are_no_fault(tmp_path: Path) -> None:
    assert read(tmp_path, "a: 1\r\nb:\r\n  c: 2\r\n").line(("b", "c")) == 3


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\na: 2\n", 2, "already in line 1"),
        ("a:\n  - b: 1\n    b: 1\n", 3, "already in line 2"),
        ("a: {b: 1, b: 2}\n", 1, "already in line 1"),
        ("a: 1\n? [b, c]\n: 2\n", 2, "cannot be a key"),
        ("a: 1\n3.11: python\n", 2, "'3.11' is not a word"),
        ("a: &a\n  b: *a\n", 1, "contains itself"),
        ("a: 1\nb: !!int x\n", 2, "is not valid"),
        ("a: 1\nb: %x\n", 2, "cannot start with this character"),
        ("a:\n  b: 1\n\tc: 2\n", 3, "tab"),
        ("a: |\n  one\n  \ttab inside a text is fine\nb: [\n", 4, "the file ends inside a list"),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, text: str, line: int, what: str) -> None:
    told = refusal(tmp_path, text)
    assert told.startswith(f"{tmp_path}/file.yml:{line}:")
    assert what in told


def test_a_missing_file_and_a_directory_are_told(tmp_path: Path) -> None:
    for path, what in (
        (tmp_path / "none.yml", "does not exist"),
        (tmp_path, "cannot read the file"),
    ):
        with pytest.raises(BadInput, match=what) as refused:
            read_yaml(path)
        assert refused.value.where == str(path)


def test_a_key_path_is_written_with_dots_and_positions() -> None:
    assert dotted(("tiers", 1, "partitions", 0)) == "tiers[1].partitions[0]"
    assert dotted(()) == ""
