"""docs/installer-actions.md is what the code does, and every file has a purpose."""

from __future__ import annotations

from pathlib import Path

import pytest
from golden_sites import CASES, rendered
from machine_sites import family
from site_example import full_site

from sitekit.machine.apply.actions_page import page
from sitekit.machine.render.purpose_of_files import PURPOSES, purpose

DOCS = Path(__file__).parents[3] / "docs"


def test_the_page_is_current(request: pytest.FixtureRequest, tmp_path: Path):
    text = page(full_site(tmp_path), family())
    if request.config.getoption("--update-golden"):
        (DOCS / "installer-actions.md").write_text(text)
    assert (DOCS / "installer-actions.md").read_text() == text, (
        "look at it; if it is right: pytest --update-golden"
    )


def test_the_page_names_every_file_and_every_unit(tmp_path: Path):
    text = page(full_site(tmp_path), family())
    for path in rendered("triton"):
        assert str(path).replace("triton", "example") in text, path


@pytest.mark.parametrize("case", CASES)
def test_every_file_has_a_purpose(case: str):
    for path in rendered(case):
        assert purpose(path)


def test_no_purpose_is_without_its_file():
    paths = {path for case in CASES for path in rendered(case)}
    paths |= {
        Path("/etc/apache2") / name for name in ("sites-enabled/x.conf", "mods-enabled/ssl.load")
    }
    # the latter on EL
    paths |= {Path("/etc/nginx") / name for name in ("sites-enabled/x.conf", "conf.d/x.conf")}
    paths.add(Path("/etc/sitekit/main/courses/bio101.yml"))  # these sites have no courses
    generated_files = {
        "proxy.env",
        "hub.env",
        "services-ca.*",
        "servers-ca.*",
        "hub.pem",
        "proxy.pem",
        "front.pem",
        "culler.pem",
        "cert.pem",
        "key.pem",
        "openid.conf",
        "login.conf",
        "key",
        "key.pub",
        "user_ca",
        "user_ca.pub",
        "host_key",
        "host_key.pub",
        "authority",
        "authority.pub",
        "token",
        "hub_token",
        "database.pgpass",
        "*.py",
        "*.conf",
    }
    idle = [pattern for pattern in PURPOSES if not any(path.match(pattern) for path in paths)]
    assert {Path(pattern).name for pattern in idle} <= generated_files
