"""Every pending reason that the installed Slurm knows has words of ours."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sitekit.backends.slurm.pending_reasons import WORDS, explain

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/slurm-wlm/libslurmfull.so")
BUILT = re.compile(rb"\0((?:QOS|Assoc|Association)?(?:Grp|Max|Min)[A-Z][A-Za-z]+)(?=\0)")


def test_common_reasons() -> None:
    assert "full" in explain("Resources")
    assert "administrator" in explain("JobHeldAdmin")
    assert explain("(ReqNodeNotAvail, UnavailableNodes:n1)") == WORDS["ReqNodeNotAvail"][0]
    assert "CPU limit of your quality of service" in explain("QOSGrpCpuLimit")
    assert "one job" in explain("AssocMaxMemPerJob")


def test_a_reason_that_nobody_knows_is_passed_on() -> None:
    assert explain("PlanetsMisaligned") == "Slurm says: PlanetsMisaligned."


def test_every_limit_of_the_installed_slurm_has_words() -> None:
    if not LIBRARY.exists():
        pytest.skip(f"Slurm is not installed here: {LIBRARY}")
    library = LIBRARY.read_bytes()
    reasons = {
        found.decode() for found in BUILT.findall(library) if found.startswith((b"QOS", b"Assoc"))
    }
    assert len(reasons) > 60
    assert not [reason for reason in sorted(reasons) if explain(reason).startswith("Slurm says")]


@pytest.mark.parametrize("reason", sorted(WORDS))
def test_words_are_sentences(reason: str) -> None:
    assert explain(reason).endswith(".") and len(explain(reason)) > 20
