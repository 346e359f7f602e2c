"""A certificate that is renewed in its place: the site's own program has the web server take it, if
it fits its key."""

from __future__ import annotations

import ssl
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from sitekit.base.errors import Problem
from sitekit.machine.web import certificate_expiry
from sitekit.machine.web.certificate import self_signed
from sitekit.machine.web.certificate_reload_program import renewal
from sitekit.site import Site

from ..slurm import until
from .conftest import a_site, backend, family, running


def put(paths: dict[str, Path], pair: tuple[str, str]) -> None:
    for path, text in zip((paths["certificate"], paths["key"]), pair, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def reload(site: Site, folder: Path) -> subprocess.CompletedProcess[str]:
    """As it is rendered, with the places of this test."""
    [file] = renewal(site, family()).values()
    text = file.content.replace(str(site.run), str(folder / site.run.relative_to("/")))
    return subprocess.run(["sh", "-c", text], capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("kind", ["apache", "nginx"])
def test_it_is_taken_if_it_fits_its_key_and_the_daily_look_notices_if_not(
    kind: str, tmp_path: Path
) -> None:
    paths = {"certificate": tmp_path / "own/cert.pem", "key": tmp_path / "own/key.pem"}
    site = a_site(kind, certificate={name: str(path) for name, path in paths.items()})
    first, second = self_signed(site), self_signed(site)
    put(paths, first)
    (tmp_path / "machine").mkdir()
    with backend(site), running(site, tmp_path / "machine"):
        assert certificate_expiry.certificate_check(site) == 0
        put(paths, (second[0], first[1]))  # the certificate is there before its key
        refused = reload(site, tmp_path / "machine")
        assert refused.returncode == 1 and "is not the key of" in refused.stderr
        assert shown(site) == der(first[0])
        with pytest.raises(Problem, match="shows another certificate than"):
            certificate_expiry.certificate_check(site)
        put(paths, second)
        assert reload(site, tmp_path / "machine").returncode == 0
        # at first processes with the old certificate may answer, too
        until(lambda: shown(site) == der(second[0]) and is_well(site), every=0.1)
        other = site.model_copy(
            update={"front": site.front.model_copy(update={"subdomains": True})}
        )
        with pytest.raises(Problem, match=r"not for \*\.localhost"):
            certificate_expiry.certificate_check(other)


def is_well(site: Site) -> bool:
    with suppress(Problem):
        return certificate_expiry.certificate_check(site) == 0
    return False


def shown(site: Site) -> bytes:
    return der(certificate_expiry.shown(site.front.port, site.front.host))


def der(pem: str) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem)
