"""Translate the errors of sbatch and of the gate into sentences for the user."""

from __future__ import annotations

import re

from ...base.language import gettext as _
from ...base.language import later as N_
from ..start_and_job_records import Explanation, Refused

REFUSALS = (
    (
        r"Invalid account or account/partition|[Ii]nvalid account",
        "account",
        N_("Slurm does not let you use this account or partition."),
        N_("Ask your administrators which account is yours, or choose another tier."),
    ),
    (
        r"[Ii]nvalid qos",
        "qos",
        N_("Slurm does not let you use this quality of service (QOS)."),
        N_("Choose another tier, or ask your administrators."),
    ),
    (
        r"violates accounting/QOS policy|AssocMax|QOSMax|Job violates",
        "limit",
        N_("You have reached a limit that Slurm sets for your account."),
        N_("Stop a job or another server of yours, or choose a smaller tier."),
    ),
    (
        r"[Ii]nvalid partition",
        "partition",
        N_("The partition of this tier does not exist."),
        N_("Choose another tier, and tell your administrators."),
    ),
    (
        r"time limit is invalid|Requested time limit",
        "time",
        N_("The tier asks for more time than its partition allows."),
        N_("Choose another tier, and tell your administrators."),
    ),
    (
        r"partition is (down|inactive)|state DOWN|Required partition not available|inactive or drain",
        "partition",
        N_("The partition of this tier is out of service."),
        N_("Choose another tier, or try again later."),
    ),
    (
        r"node configuration is not available|More processors requested|Memory specification",
        "size",
        N_("No node of the cluster is large enough for this tier."),
        N_("Choose a smaller tier, and tell your administrators."),
    ),
    (
        r"reservation",
        "reservation",
        N_("The reservation is not valid, or you may not use it."),
        N_("Choose a tier without it, or ask who made it."),
    ),
    (
        r"feature",
        "constraint",
        N_("No node has the features that this tier asks for."),
        N_("Choose another tier, and tell your administrators."),
    ),
)
"""Each row has four parts: a pattern in sbatch's error, the kind of the card, the sentence about
what happened, and the advice.
"""

INVALID_NODE = r"[Ii]nvalid node name"
UNKNOWN_ACCOUNT = r"unknown user|no passwd entry|you do not exist"


def is_invalid_node(refusal: Refused) -> bool:
    """Return whether sbatch refused a job with a node name that Slurm does not know."""
    return refusal.kind == "sbatch" and bool(re.search(INVALID_NODE, str(refusal)))


def explain_refusal(refusal: Refused) -> Explanation | None:
    """Explain an error of the gate or of sbatch; None if no pattern matches."""
    text = str(refusal)
    if refusal.kind == "release":
        what = _("The hub and the cluster have software of versions that do not fit each other.")
        remedy = _(
            "Tell your administrators, and show them these lines. Running servers are not affected."
        )
        return Explanation("release", what, remedy)
    for pattern, kind, what, remedy in REFUSALS:
        if re.search(pattern, text):
            return Explanation(kind, _(what), _(remedy))
    if refusal.kind == "sbatch":
        remedy = _("Choose another tier, or show these lines to your administrators.")
        return Explanation("refused", _("Slurm refused the job."), remedy)
    if re.search(UNKNOWN_ACCOUNT, text):
        what = _("Your account is not found in the directory of accounts at the moment.")
        remedy = _("Try again in a few minutes; running servers are not affected.")
        return Explanation("directory", what, remedy)
    return None
