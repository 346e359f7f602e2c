"""Accounts of a site beside the cluster: one for all users, and one that the provider names.

The other sites with logins at GitHub, Globus and CILogon are in tests/sites.
"""

from __future__ import annotations

import pwd
import shutil
from pathlib import Path
from typing import Any

import pytest

from ..slurm import jobs, until
from .oauth import applied, environments, provider, refusal, started, visiting
from .provider import Known, Provider

__all__ = ["provider"]  # a fixture


@pytest.mark.soak  # the sites with a gateway account (tests/sites) show most of it
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


def test_the_provider_names_the_account(provider: Provider) -> None:
    provider.people = {
        "ann": Known({"preferred_username": "ann", "groups": ["hpc"], "uid": "alice"}),
        "eve": Known({"preferred_username": "eve", "groups": ["hpc"], "uid": ["alice"]}),
        "old": Known({"preferred_username": "old", "groups": ["hpc"]}),
        "mallory": Known({"preferred_username": "mallory", "groups": ["hpc"], "uid": "root"}),
    }
    claims: Any = provider.people["ann"].claims
    people = {"allow": {"groups": ["hpc"]}, "accounts": {"claim": "uid"}}
    with applied(provider, "oidc", **people) as site:
        for who, why in (("eve", "your uid"), ("old", "your uid"), ("mallory", "of the system")):
            assert why in refusal(site, who)
        with visiting(site, "ann") as ann:
            assert ann.come().status_code == 200
            started(ann)
            assert len(jobs(site, "alice")) == 1
            # processes of an earlier server may still be ending
            until(lambda: {one["JUPYTERHUB_USER"] for one in environments("alice")} == {"ann"})
            ann.stop_and_wait()
            # the provider is asked again before a start
            del claims["uid"]
            assert ann.api("POST", "/users/ann/server", {"tier": "small"}).status_code == 403
            assert not jobs(site, "alice")
