"""Translate Slurm's reasons for a pending job into sentences for its user."""

from __future__ import annotations

import re

from ...base.language import gettext as _
from ...base.language import later as N_

NO_ROOM = N_("The nodes for this tier are full; your server starts as soon as one has room.")
FIX = N_(
    "This will not resolve by waiting: cancel, and choose another tier or ask your administrators."
)
HELD = N_("The job is held; it does not start before it is released.")
LIMIT = N_("It starts when one of the running jobs ends.")

WORDS: dict[str, tuple[str, ...]] = {
    "None": (N_("Slurm has just accepted the job and will schedule it soon."),),
    "Resources": (NO_ROOM,),
    "Priority": (N_("Other jobs are ahead of yours in the queue."),),
    "Dependency": (N_("It waits for another job to end."),),
    "DependencyNeverSatisfied": (N_("It waits for a job that can no longer end well."), FIX),
    "BeginTime": (N_("It was asked to start at a later time."),),
    "BurstBufferOperation": (N_("A burst buffer is being prepared."),),
    "BurstBufferResources": (N_("There is no room in the burst buffer now."),),
    "BurstBufferStageIn": (N_("Its data is being copied in."),),
    "Cleaning": (N_("The job is being put back in the queue."),),
    "Constraint": (N_("No node with the wanted features is free."),),
    "DeadLine": (N_("It could not meet its deadline."), FIX),
    "FedJobLock": (N_("It waits for the other clusters of the federation to agree."),),
    "FrontEndDown": (N_("No front-end node is in service."),),
    "InvalidAccount": (N_("The account that was asked for is not valid."), FIX),
    "InvalidQOS": (N_("The quality of service (QOS) that was asked for is not valid."), FIX),
    "AccountNotAllowed": (N_("Your account may not use this partition."), FIX),
    "QOSNotAllowed": (N_("The quality of service (QOS) may not use this partition."), FIX),
    "JobHeldAdmin": (N_("An administrator holds the job."), HELD),
    "JobHeldUser": (N_("You hold the job yourself."), HELD),
    "JobHoldMaxRequeue": (N_("It was put back in the queue too often."), FIX),
    "JobArrayTaskLimit": (N_("Your limit of array tasks is reached."), LIMIT),
    "JobLaunchFailure": (N_("The node could not launch the job."), FIX),
    "launch failed requeued held": (N_("The node could not launch the job."), HELD),
    "Licenses": (N_("A software licence that it needs is in use."),),
    "NodeDown": (N_("A node that it needs is out of service."),),
    "NonZeroExitCode": (N_("It ended with an error before."), FIX),
    "PartitionDown": (N_("The partition is stopped by the administrators."),),
    "PartitionInactive": (N_("The partition is switched off by the administrators."),),
    "PartitionNodeLimit": (N_("It asks for more nodes than the partition allows."), FIX),
    "PartitionTimeLimit": (N_("It asks for more time than the partition allows."), FIX),
    "PartitionConfig": (N_("The partition cannot serve what was asked for."), FIX),
    "Prolog": (N_("The node is being prepared."),),
    "PowerNotAvail": (N_("There is not enough electric power for another node now."),),
    "PowerReserved": (N_("Electric power is reserved for other work now."),),
    "ReqNodeNotAvail": (N_("A node that it needs is out of service or reserved."),),
    "Reservation": (N_("It waits for its reservation to begin."),),
    "ReservationDeleted": (N_("Its reservation was deleted."), FIX),
    "InvalidReservation": (N_("The reservation does not exist."), FIX),
    "SchedDefer": (N_("The scheduler delays new jobs for a moment."),),
    "SystemFailure": (N_("Slurm, a file system or the network failed."),),
    "TimeLimit": (N_("It used up its time limit."),),
    "BadConstraints": (N_("No node of the cluster can serve what was asked for."), FIX),
    "NodeConfig": (N_("No node of the cluster is large enough."), FIX),
    "MaxMemPerLimit": (N_("It asks for more memory than a job may have."), FIX),
    "MaxRequeue": (N_("It was put back in the queue too often."), FIX),
    "OutOfMemory": (N_("It ran out of memory."),),
    "InactiveLimit": (N_("It was idle beyond the limit."),),
    "AssociationJobLimit": (N_("Your account has as many jobs as it may have."), LIMIT),
    "AssociationResourceLimit": (N_("Your account uses as much as it may use."), LIMIT),
    "AssociationTimeLimit": (N_("It asks for more time than your account may use."), FIX),
    "MaxJobsPerAccount": (N_("Your account has as many jobs as it may have."), LIMIT),
    "QOSJobLimit": (N_("Your quality of service (QOS) has as many jobs as it may have."), LIMIT),
    "QOSResourceLimit": (N_("Your quality of service (QOS) uses as much as it may use."), LIMIT),
    "QOSTimeLimit": (N_("It asks for more time than your quality of service (QOS) allows."), FIX),
    "QOSUsageThreshold": (N_("Your quality of service (QOS) has used more than its share."),),
    "WaitingForScheduling": (N_("Slurm has just accepted the job and will schedule it soon."),),
    "Origin unreachable": (N_("The cluster from which it was sent cannot be reached."),),
    "BeginTimeNotReached": (N_("It was asked to start at a later time."),),
    "FailedDeadline": (N_("It could not meet its deadline."), FIX),
    "user env retrieval failed requeued held": (
        N_("The node could not read your environment."),
        HELD,
    ),
}

_RESOURCE = {
    "Cpu": N_("CPU"),
    "CPU": N_("CPU"),
    "Mem": N_("memory"),
    "Memory": N_("memory"),
    "Node": N_("node"),
    "GRES": N_("GPU"),
    "Gres": N_("GPU"),
    "Jobs": N_("job"),
    "Job": N_("job"),
    "Billing": N_("billing"),
    "BB": N_("burst-buffer"),
    "Energy": N_("energy"),
    "License": N_("licence"),
    "Submit": N_("job"),
    "Wall": N_("time"),
    "WallDuration": N_("time"),
    "Unknown": N_("resource"),
}

_OWNER = {
    "Assoc": N_("your account"),
    "QOS": N_("your quality of service (QOS)"),
    "Association": N_("your account"),
}


def explain(reason: str) -> str:
    """Return a sentence that explains the reason (squeue's field %r) why a job is pending.

    A reason without a sentence in this module is shown as Slurm prints it.
    """
    base = reason.strip().strip("()").split(",")[0]
    if base in WORDS:
        return " ".join(_(sentence) for sentence in WORDS[base])
    return _limit(base) or _("Slurm says: {reason}.", reason=reason)


def _limit(reason: str) -> str | None:
    """Return a sentence for a reason whose name consists of an owner, a bound and a resource.

    Examples of such reasons are QOSGrpCpuLimit and MaxJobsPerAccount. Returns None for any other
    reason.
    """
    match = re.fullmatch(
        r"(Assoc|Association|QOS)?(Grp|Max|Min)([A-Z][A-Za-z]*?)(?:Run)?(Mins|Minutes|RunMinutes)?"
        r"(PerJob|PerNode|PerUser|PerAccount|Per)?(PA)?(Limit)?",
        reason,
    )
    if not match:
        return None
    owner, bound, resource, minutes, per = match[1], match[2], match[3], match[4], match[5]
    who = _(_OWNER.get(owner or "", N_("your account")))
    what = _(_RESOURCE.get(resource.removesuffix("Run"), resource))
    what = _("{resource} minutes", resource=what) if minutes else what
    if bound == "Min":
        text, then = _("It asks for less {what} than {who} must ask for.", what=what, who=who), FIX
    elif per in ("PerJob", "PerNode") or resource.startswith("Wall"):
        text, then = (
            _("It asks for more {what} than {who} allows one job.", what=what, who=who),
            FIX,
        )
    else:
        text, then = _("The {what} limit of {who} is reached.", what=what, who=who), LIMIT
    return f"{text} {_(then)}"
