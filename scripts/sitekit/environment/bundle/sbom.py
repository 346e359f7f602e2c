"""Write a bundle's software bill of materials in CycloneDX 1.5 JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from packaging.utils import parse_wheel_filename

from ... import __version__
from ..release.releases import Release

Component = dict[str, Any]


def sbom(release: Release, bundle: Path) -> dict[str, Any]:
    """Return the software bill of materials of `release` as a CycloneDX document.

    The document lists conda packages, npm packages, and the wheels in the unpacked `bundle`.
    """
    components = [*_condas(release), *_pips(bundle), *_npms(release)]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": release.facts["begun"],
            "component": {
                "type": "application",
                "bom-ref": "sitekit",
                "name": "sitekit",
                "version": __version__,
            },
        },
        "components": sorted(components, key=lambda component: component["bom-ref"]),
    }


def _condas(release: Release) -> Iterator[Component]:
    for file in (release.path / "conda-meta").glob("*.json"):
        record = json.loads(file.read_bytes())
        where = f"build={quote(record['build'])}&channel={quote(record['channel'], safe='')}&subdir={record['subdir']}"
        component = _component("conda", record["name"], record["version"], f"?{where}")
        if record.get("sha256"):
            component["hashes"] = [{"alg": "SHA-256", "content": record["sha256"]}]
        if record.get("license"):
            component["licenses"] = [{"license": {"name": record["license"]}}]
        yield component


def _pips(bundle: Path) -> Iterator[Component]:
    hashes = {}
    for wheel in sorted({*bundle.glob("wheels/*.whl"), *bundle.glob("kit-wheels/*.whl")}):
        name, version, _, _ = parse_wheel_filename(wheel.name)
        if (name, version) not in hashes:
            hashes[name, version] = wheel
            yield _component("pypi", str(name), str(version))


def _npms(release: Release) -> Iterator[Component]:
    """Yield the npm packages that are installed for the proxy.

    In conda-forge's package, the proxy is in another folder than in the package that sitekit
    builds.
    """
    found = set()
    for proxy in ("lib/configurable-http-proxy", "lib/node_modules/configurable-http-proxy"):
        for path in (release.path / proxy).glob("**/package.json"):
            package = path.parent  # other files of this name belong to the tests of a package
            if any(package.match(place) for place in ("node_modules/*", "node_modules/@*/*")):
                about = json.loads(path.read_bytes())
                found.add((about["name"], about["version"]))
    for name, version in sorted(found):
        yield _component("npm", name, version, quoted=name.replace("@", "%40"))


def _component(kind: str, name: str, version: str, more: str = "", quoted: str = "") -> Component:
    purl = f"pkg:{kind}/{quoted or name}@{version}{more}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
