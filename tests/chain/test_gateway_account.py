"""One account for all users of a site beside the cluster.

The other sites with logins at GitHub, Globus and CILogon are in tests/sites.
"""

from __future__ import annotations

import pwd
import shutil
from pathlib import Path
from typing import Any

from ..slurm import jobs
from .oauth import applied, environments, provider, started, visiting
from .provider import Known, Provider

__all__ = ["provider"]  # a fixture


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
