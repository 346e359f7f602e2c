"""Which npm packages the software bill of materials lists: those that are installed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from sitekit.environment.bundle.sbom import sbom

LAYOUTS = ["lib/configurable-http-proxy", "lib/node_modules/configurable-http-proxy"]


def write_package(folder: Path, **about: str) -> None:
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps(about))


@pytest.mark.parametrize("layout", LAYOUTS, ids=["sitekit's package", "conda-forge's package"])
def test_the_installed_npm_packages_are_listed(layout: str, tmp_path: Path) -> None:
    proxy = tmp_path / "release" / layout
    write_package(proxy, name="configurable-http-proxy", version="5.2.0")
    ws = proxy / "node_modules/ws"
    write_package(ws, name="ws", version="8.20.1")
    write_package(ws / "dist/esm", type="module")
    write_package(ws / "test/other", name="other", version="1.0.0")
    write_package(ws / "node_modules/@scope/part", name="@scope/part", version="2.0.0")
    (tmp_path / "release/conda-meta").mkdir()
    release = SimpleNamespace(path=tmp_path / "release", facts={"begun": "2026-01-01T00:00:00Z"})
    found = sbom(release, tmp_path / "bundle")["components"]  # type: ignore[arg-type]
    listed = {(one["name"], one["version"], one["purl"]) for one in found}
    own = ("configurable-http-proxy", "5.2.0", "pkg:npm/configurable-http-proxy@5.2.0")
    assert listed - {own} == {
        ("@scope/part", "2.0.0", "pkg:npm/%40scope/part@2.0.0"),
        ("ws", "8.20.1", "pkg:npm/ws@8.20.1"),
    }
    assert (own in listed) == ("node_modules" in layout), "an npm package is in node_modules"
