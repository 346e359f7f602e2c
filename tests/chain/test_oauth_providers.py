"""Logins at GitHub, Globus and CILogon, and one account for all users."""

from __future__ import annotations

import pwd
import shutil
from pathlib import Path
from typing import Any

from ..slurm import jobs
from .oauth import GROUP, IDP, applied, environments, provider, refusal, started, visiting
from .provider import Known, Provider

__all__ = ["provider"]  # a fixture


def test_github(provider: Provider) -> None:
    """Also a user who shows no e-mail address, and one who is in a team only."""
    provider.people = {
        "ann": Known({"login": "Alice"}, {"example"}),
        "eve": Known({"login": "bob", "email": None}, {"lab:hpc"}),
        "old": Known({"login": "old"}, {"lab", "elsewhere"}),
        "odd": Known({"login": "alice?x=1"}, {"example"}),
    }
    people = {"organizations": ["example", "lab:hpc"]}
    admins = {"organizations": ["lab:hpc"]}
    with applied(provider, "github", allow=people, admins=admins) as site:
        with visiting(site, "ann", "alice") as ann, visiting(site, "eve", "bob") as eve:
            assert ann.come().status_code == 200 and not ann.admin
            assert eve.come().status_code == 200 and eve.admin
            started(ann)
            assert {one["JUPYTERHUB_USER"] for one in environments("alice")} == {"alice"}
            ann.stop_and_wait()
        assert "does not admit this user" in refusal(site, "old")
        assert "is no name of an account" in refusal(site, "odd")


def test_globus(provider: Provider) -> None:
    def group(status: str) -> list[dict[str, object]]:
        return [{"id": GROUP, "my_memberships": [{"status": status}]}]

    provider.people = {
        "ann": Known({"preferred_username": "alice@uni.example.org"}, groups=group("active")),
        "eve": Known({"preferred_username": "alice@evil.example.org"}, groups=group("active")),
        "guest": Known({"preferred_username": "bob@uni.example.org"}, groups=group("invited")),
        "silent": Known({"preferred_username": "bob@uni.example.org"}),
        "odd": Known({"preferred_username": "bob@uni.example.org"}, groups=[{"name": "x"}]),
    }
    people = {"domains": ["uni.example.org"], "groups": [GROUP]}
    with applied(provider, "globus", allow=people) as site:
        with visiting(site, "ann", "alice") as ann:
            assert ann.come().status_code == 200
            started(ann)
            assert "GLOBUS" not in repr(environments("alice"))
            ann.stop_and_wait()
            assert ann.http.get("/hub/logout").status_code == 200
        assert "for users of uni.example.org" in refusal(site, "eve")
        assert "does not admit this user" in refusal(site, "guest")
        assert "see your groups" in refusal(site, "silent")
        assert "does not understand" in refusal(site, "odd")


def test_cilogon(provider: Provider) -> None:
    provider.people = {
        "ann": Known({"idp": IDP, "eppn": "alice@uni.example.org"}),
        "eve": Known({"idp": "https://evil.example.org", "eppn": "alice@uni.example.org"}),
        "guest": Known({"idp": IDP, "eppn": "alice@evil.example.org"}),
        "lost": Known({"eppn": "alice@uni.example.org"}),
        "nameless": Known({"idp": IDP}),
    }
    idps, people = {"identity_providers": [IDP]}, {"domains": ["uni.example.org"]}
    with applied(provider, "cilogon", client=idps, allow=people) as site:
        with visiting(site, "ann", "alice") as ann:
            assert ann.come().status_code == 200 and not ann.admin
            assert ann.api("GET", "/user").json()["name"] == "alice"
        assert "this site admits nobody" in refusal(site, "eve")
        assert "for users of uni.example.org" in refusal(site, "guest")
        assert "did not tell this site your idp" in refusal(site, "lost")
        assert "did not tell this site your eppn" in refusal(site, "nameless")


# --- one account for all -------------------------------------------------------------------------------------------


def test_all_share_one_account_and_have_folders_of_their_own(provider: Provider) -> None:
    provider.people = {
        who: Known({"login": who, "email": None}, {"example"}) for who in ("ann", "eve")
    }
    ways: dict[str, Any] = {"accounts": {"gateway": "bob"}, "allowed_groups": []}
    home = Path(pwd.getpwnam("bob").pw_dir, "participants")
    try:
        with applied(provider, "github", allow={"organizations": ["example"]}, **ways) as site:
            with visiting(site, "ann") as ann, visiting(site, "eve") as eve:
                for visitor in (ann, eve):
                    assert visitor.come().status_code == 200
                    started(visitor)
                assert len(jobs(site, "bob")) == 2
                homes = {one["JUPYTERHUB_USER"]: one["HOME"] for one in environments("bob")}
                assert homes == {who: str(home / who) for who in ("ann", "eve")}
                for visitor in (ann, eve):
                    visitor.stop_and_wait()
            rules = Path("/etc/sudoers.d", f"sitekit-{site.name}").read_text()
            assert "%jupyter-users" not in rules and "=(bob, !root" in rules
    finally:
        shutil.rmtree(home, ignore_errors=True)
