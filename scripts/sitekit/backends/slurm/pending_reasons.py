"""Translate Slurm's reasons for a pending job into sentences for its user."""

from __future__ import annotations

import re

NO_ROOM = "The nodes for this tier are full; your server starts as soon as one has room."
FIX = (
    "This will not resolve by waiting: cancel, and choose another tier or ask your administrators."
)
HELD = "The job is held; it does not start before it is released."
LIMIT = "It starts when one of the running jobs ends."

WORDS: dict[str, str] = {
    "None": "Slurm has just accepted the job and will schedule it soon.",
    "Resources": NO_ROOM,
    "Priority": "Other jobs are ahead of yours in the queue.",
    "Dependency": "It waits for another job to end.",
    "DependencyNeverSatisfied": f"It waits for a job that can no longer end well. {FIX}",
    "BeginTime": "It was asked to start at a later time.",
    "BurstBufferOperation": "A burst buffer is being prepared.",
    "BurstBufferResources": "There is no room in the burst buffer now.",
    "BurstBufferStageIn": "Its data is being copied in.",
    "Cleaning": "The job is being put back in the queue.",
    "Constraint": "No node with the wanted features is free.",
    "DeadLine": f"It could not meet its deadline. {FIX}",
    "FedJobLock": "It waits for the other clusters of the federation to agree.",
    "FrontEndDown": "No front-end node is in service.",
    "InvalidAccount": f"The account that was asked for is not valid. {FIX}",
    "InvalidQOS": f"The quality of service (QOS) that was asked for is not valid. {FIX}",
    "AccountNotAllowed": f"Your account may not use this partition. {FIX}",
    "QOSNotAllowed": f"The quality of service (QOS) may not use this partition. {FIX}",
    "JobHeldAdmin": f"An administrator holds the job. {HELD}",
    "JobHeldUser": f"You hold the job yourself. {HELD}",
    "JobHoldMaxRequeue": f"It was put back in the queue too often. {FIX}",
    "JobArrayTaskLimit": f"Your limit of array tasks is reached. {LIMIT}",
    "JobLaunchFailure": f"The node could not launch the job. {FIX}",
    "launch failed requeued held": f"The node could not launch the job. {HELD}",
    "Licenses": "A software licence that it needs is in use.",
    "NodeDown": "A node that it needs is out of service.",
    "NonZeroExitCode": f"It ended with an error before. {FIX}",
    "PartitionDown": "The partition is stopped by the administrators.",
    "PartitionInactive": "The partition is switched off by the administrators.",
    "PartitionNodeLimit": f"It asks for more nodes than the partition allows. {FIX}",
    "PartitionTimeLimit": f"It asks for more time than the partition allows. {FIX}",
    "PartitionConfig": f"The partition cannot serve what was asked for. {FIX}",
    "Prolog": "The node is being prepared.",
    "PowerNotAvail": "There is not enough electric power for another node now.",
    "PowerReserved": "Electric power is reserved for other work now.",
    "ReqNodeNotAvail": "A node that it needs is out of service or reserved.",
    "Reservation": "It waits for its reservation to begin.",
    "ReservationDeleted": f"Its reservation was deleted. {FIX}",
    "InvalidReservation": f"The reservation does not exist. {FIX}",
    "SchedDefer": "The scheduler delays new jobs for a moment.",
    "SystemFailure": "Slurm, a file system or the network failed.",
    "TimeLimit": "It used up its time limit.",
    "BadConstraints": f"No node of the cluster can serve what was asked for. {FIX}",
    "NodeConfig": f"No node of the cluster is large enough. {FIX}",
    "MaxMemPerLimit": f"It asks for more memory than a job may have. {FIX}",
    "MaxRequeue": f"It was put back in the queue too often. {FIX}",
    "OutOfMemory": "It ran out of memory.",
    "InactiveLimit": "It was idle beyond the limit.",
    "AssociationJobLimit": f"Your account has as many jobs as it may have. {LIMIT}",
    "AssociationResourceLimit": f"Your account uses as much as it may use. {LIMIT}",
    "AssociationTimeLimit": f"It asks for more time than your account may use. {FIX}",
    "MaxJobsPerAccount": f"Your account has as many jobs as it may have. {LIMIT}",
    "QOSJobLimit": f"Your quality of service (QOS) has as many jobs as it may have. {LIMIT}",
    "QOSResourceLimit": f"Your quality of service (QOS) uses as much as it may use. {LIMIT}",
    "QOSTimeLimit": f"It asks for more time than your quality of service (QOS) allows. {FIX}",
    "QOSUsageThreshold": "Your quality of service (QOS) has used more than its share.",
    "WaitingForScheduling": "Slurm has just accepted the job and will schedule it soon.",
    "Origin unreachable": "The cluster from which it was sent cannot be reached.",
    "BeginTimeNotReached": "It was asked to start at a later time.",
    "FailedDeadline": f"It could not meet its deadline. {FIX}",
    "user env retrieval failed requeued held": f"The node could not read your environment. {HELD}",
}

_RESOURCE = {
    "Cpu": "CPU",
    "CPU": "CPU",
    "Mem": "memory",
    "Memory": "memory",
    "Node": "node",
    "GRES": "GPU",
    "Gres": "GPU",
    "Jobs": "job",
    "Job": "job",
    "Billing": "billing",
    "BB": "burst-buffer",
    "Energy": "energy",
    "License": "licence",
    "Submit": "job",
    "Wall": "time",
    "WallDuration": "time",
    "Unknown": "resource",
}

_OWNER = {
    "Assoc": "your account",
    "QOS": "your quality of service (QOS)",
    "Association": "your account",
}


def explain(reason: str) -> str:
    """Return a sentence that explains the reason (squeue's field %r) why a job is pending.

    A reason without a sentence in this module is shown as Slurm prints it.
    """
    base = reason.strip().strip("()").split(",")[0]
    return WORDS.get(base) or _limit(base) or f"Slurm says: {reason}."


def _limit(reason: str) -> str | None:
    """Return a sentence for a reason whose name consists of an owner, a bound and a resource.

    Examples of reasons with three parts are QOSGrpCpuLimit and MaxJobsPerAccount. Returns None for
    any other reason.
    """
    match = re.fullmatch(
        r"(Assoc|Association|QOS)?(Grp|Max|Min)([A-Z][A-Za-z]*?)(?:Run)?(Mins|Minutes|RunMinutes)?"
        r"(PerJob|PerNode|PerUser|PerAccount|Per)?(PA)?(Limit)?",
        reason,
    )
    if not match:
        return None
    owner, bound, resource, minutes, per = match[1], match[2], match[3], match[4], match[5]
    who = _OWNER.get(owner or "", "your account")
    what = _RESOURCE.get(resource.removesuffix("Run"), resource) + (" minutes" if minutes else "")
    if bound == "Min":
        return f"It asks for less {what} than {who} must ask for. {FIX}"
    if per in ("PerJob", "PerNode") or resource.startswith("Wall"):
        return f"It asks for more {what} than {who} allows one job. {FIX}"
    return f"The {what} limit of {who} is reached. {LIMIT}"
