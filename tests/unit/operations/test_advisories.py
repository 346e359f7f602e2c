"""Advisories in OSV's form against packages that lie on a disk: which versions fall under a range,
and what is told."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from machine_sites import demo

from sitekit.base.errors import BadInput
from sitekit.operations.advisories.commands import advisories
from sitekit.operations.advisories.compare_versions import key
from sitekit.operations.advisories.list_installed_packages import Package, installed
from sitekit.operations.advisories.read_osv_files import is_advisory, vulnerable_packages
from sitekit.site import Site


def advisory(
    name: str, *events: dict[str, str], ecosystem: str = "PyPI", **more: Any
) -> dict[str, Any]:
    ranges = [{"type": "SEMVER" if ecosystem == "npm" else "ECOSYSTEM", "events": list(events)}]
    affected = {
        "package": {"ecosystem": ecosystem, "name": name},
        "ranges": ranges if events else [],
    }
    affected |= {"versions": more.pop("versions")} if "versions" in more else {}
    about = {
        "id": "GHSA-1",
        "aliases": ["CVE-1"],
        "summary": "It leaks.",
        "modified": "2026-11-20T00:00:00Z",
    }
    return {**about, "affected": [affected], **more}


def found(document: dict[str, Any], version: str, ecosystem: str = "PyPI") -> list[str | None]:
    """The version that mends it, for each time that this version falls under it."""
    package = Package(ecosystem, "some-name", version, "here")
    return [
        hit.fixed for hit in vulnerable_packages(document, {(ecosystem, "some-name"): [package]})
    ]


ALL, FIX = {"introduced": "0"}, {"fixed": "2.0"}


@pytest.mark.parametrize(
    ("events", "version", "expected"),
    [
        ((ALL, FIX), "1.9", ["2.0"]),
        ((ALL, FIX), "2.0", []),
        ((ALL, FIX), "2.0rc1", ["2.0"]),
        ((ALL, FIX), "2.0.post1", []),
        ((ALL, FIX), "1.10", ["2.0"]),
        (({"introduced": "1.5"}, FIX), "1.4", []),
        (({"introduced": "1.5"}, FIX), "1.5", ["2.0"]),
        ((FIX, ALL), "1.0", ["2.0"]),
        ((ALL, {"last_affected": "1.5"}), "1.5", [None]),
        ((ALL, {"last_affected": "1.5"}), "1.6", []),
        ((ALL, {"fixed": "1.0"}, {"introduced": "2.0"}, {"fixed": "2.3"}), "1.5", []),
        ((ALL, {"fixed": "1.0"}, {"introduced": "2.0"}, {"fixed": "2.3"}), "2.2", ["2.3"]),
        ((ALL, {"fixed": "1.0"}, {"introduced": "2.0"}, {"fixed": "2.3"}), "0.9", ["1.0"]),
        ((ALL, {"limit": "1.0"}), "1.5", []),
        ((ALL,), "99", [None]),
        ((ALL, FIX), "of our own", []),
    ],
)
def test_a_version_falls_under_the_ranges_of_pypi(
    events: tuple[dict[str, str], ...], version: str, expected: list[str | None]
):
    assert found(advisory("Some_Name", *events), version) == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("4.17.20", ["4.17.21"]),
        ("4.17.21", []),
        ("4.17.21-rc.1", ["4.17.21"]),
        ("4.9.0", ["4.17.21"]),
        ("5", []),
    ],
)
def test_a_version_falls_under_the_ranges_of_npm(version: str, expected: list[str | None]):
    document = advisory("some-name", {"introduced": "0"}, {"fixed": "4.17.21"}, ecosystem="npm")
    assert found(document, version, "npm") == expected
    assert found(document, version) == [], "the same name elsewhere is another package"


def test_versions_that_are_listed_count_and_what_is_withdrawn_does_not():
    assert found(advisory("some.name", versions=["1.0", "1.1"]), "1.1") == [None]
    assert found(advisory("some-name", ALL, withdrawn="2026-01-01T00:00:00Z"), "1.0") == []


def test_semantic_versions_are_in_their_order():
    order = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
    ]
    assert sorted(reversed(order), key=lambda version: key("npm", version)) == order, (
        "semver.org, item 11"
    )


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """One with a release in which there is a package of PyPI, one of npm, one of a scope, and one
    inside another."""
    release = tmp_path / "prefix/releases/2026-01-01-00000000"
    put(
        release,
        "lib/python3/Some.Name-1.9.dist-info/METADATA",
        "Metadata-Version: 2.1\nName: Some.Name\nVersion: 1.9\n",
    )
    put(release, "lib/node_modules/proxy/package.json", '{"name": "proxy", "version": "5.0.0"}')
    put(
        release,
        "lib/node_modules/proxy/node_modules/@scope/part/package.json",
        '{"name": "@scope/part", "version": "1.0.0"}',
    )
    put(
        release,
        "lib/node_modules/proxy/lib/package.json",
        '{"name": "no-package", "version": "1.0.0"}',
    )
    (tmp_path / "prefix/current").symlink_to(release)
    return demo(paths={"prefix": str(tmp_path / "prefix"), "state": "/var/lib/sitekit/demo"})


def test_packages_of_both_kinds_are_found_where_they_lie(site: Site):
    there = {
        (one.ecosystem, one.name, one.version) for one in installed(site.current.resolve(), "here")
    }
    assert there == {
        ("PyPI", "some-name", "1.9"),
        ("npm", "proxy", "5.0.0"),
        ("npm", "@scope/part", "1.0.0"),
    }


def test_what_is_known_is_told_with_its_fix_and_ends_with_1(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "osv"
    put(
        folder,
        "one.json",
        json.dumps(advisory("some-name", ALL, FIX, summary="It leaks.\x1b[31m\nMore.")),
    )
    put(folder, "two.json", "{ this is no JSON")
    put(folder, "three.json", json.dumps({"id": "X", "affected": [{"package": 7}]}))
    with zipfile.ZipFile(folder / "npm.zip", "w") as archive:
        document = advisory(
            "@scope/part", ALL, {"fixed": "1.0.1"}, ecosystem="npm", id="GHSA-2", aliases=[]
        )
        archive.writestr("GHSA-2.json", json.dumps(document))
    assert advisories(site, str(folder)) == 1
    said = capsys.readouterr().out
    assert (
        "!! some-name 1.9 (PyPI, release 2026-01-01-00000000): GHSA-1, CVE-1; fixed in 2.0\n    It leaks.?[31m\n"
        in said
    )
    assert "!! @scope/part 1.0.0 (npm, release 2026-01-01-00000000): GHSA-2; fixed in 1.0.1" in said
    assert "2 documents are not in OSV's form" in said and "!! 2 of " in said
    assert "the newest of 2026-11-20" in said


def test_where_nothing_is_known_it_ends_with_0_and_the_kit_is_looked_at_too(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    put(tmp_path, "one.json", json.dumps(advisory("some-name", ALL, {"fixed": "1.0"})))
    assert advisories(site, (tmp_path / "one.json").as_uri()) == 0
    assert "has a known vulnerability" in capsys.readouterr().out
    put(tmp_path, "two.json", json.dumps(advisory("pydantic", ALL)))
    assert advisories(site, str(tmp_path / "two.json")) == 1
    assert "(PyPI, the kit): GHSA-1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (None, "no source of advisories is given"),
        ("nowhere.zip", "there is no such file"),
        ("empty", "there is no advisory in OSV's form in it"),
        ("http://mirror.example.org/all.zip", "remove an advisory"),
    ],
)
def test_what_is_no_source_is_refused(source: str | None, said: str, site: Site, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    words = [] if source is None else [source if "://" in source else str(tmp_path / source)]
    with pytest.raises(BadInput, match=said):
        advisories(site, *words)


@pytest.mark.parametrize("document", [None, 7, [], {}, {"id": "X"}, {"id": 7, "affected": []}])
def test_what_is_not_in_the_form_is_no_advisory(document: object):
    assert not is_advisory(document)
