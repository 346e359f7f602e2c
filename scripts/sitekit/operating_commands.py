"""Define the commands for operating a running site, as a part of the table in commands.py."""

from __future__ import annotations

from .command_definition import Command

OPERATING: dict[str, Command] = {
    "doctor": Command(
        "check the whole site; print each fault and how to repair it, causes first; change nothing",
        "sitekit.operations.doctor.commands:doctor",
        variables={
            "CHECK": "ids or subjects of the checks to run, with commas between them; default: all checks",
            "USER": "the user under whose Unix account some checks run; see docs/doctor.md for the default",
            "NODES": "1 also runs a short job of the user USER in each partition",
            "JSON": "1 prints JSON",
            "JUNIT": "a file for the result in JUnit's format",
            "SECONDS": "the time limit for all checks in seconds; default: 30",
            "OSV": "files, folders or https addresses with advisories in the OSV format",
        },
        details="Exits with 0 if nothing needs attention, 1 for an error, 3 for warnings only.",
    ),
    "report": Command(
        "write a report of how much users have used each tier, as HTML and CSV",
        "sitekit.operations.usage_report.commands:report",
        root=True,
        variables={
            "FROM": "the first month, such as 2026-01; default: eleven months before UNTIL",
            "UNTIL": "the last month, which is included; default: this month",
            "FOLDER": "the folder for the two files; default: the current one",
        },
    ),
    "trace": Command(
        "print the steps of a user's last start, the time between the steps, and the step that failed",
        "sitekit.operations.trace.commands:trace",
        variables={
            "USER": "the user of the hub",
            "SERVER": "the name of a named server; default: the user's default server",
            "JSON": "1 prints JSON",
        },
        details="Exits with 1 if the start failed. Without root, the command lists the logs that it cannot read.",
    ),
    "drill": Command(
        "start servers of many users at the same time, as a test; print times, errors and the first bottleneck",
        "sitekit.operations.drill.commands:drill",
        root=True,
        variables={
            "USERS": "how many users, from 1 to 200",
            "TIER": "the tier of the servers; default: the first tier",
            "JSON": "1 prints JSON",
        },
        details="The site file must allow drills (docs/drill.md). Exits with 1 if a step failed.",
    ),
    "announce": Command(
        "show a text to users on the hub's pages and in JupyterLab, without a restart",
        "sitekit.operations.running_hub.announce:announce",
        root=True,
        variables={
            "TEXT": "the text, of at most 500 characters",
            "FROM": "when the announcement begins, such as 2026-12-01T09:00; default: now",
            "UNTIL": "when the announcement ends; default: when you run make announce_end",
            "PAGES": "where users see the text, some of login,form,home,waiting,lab; default: all",
            "LEVEL": "info (default), warning or maintenance",
            "DISMISS": "0: users cannot close the announcement",
        },
    ),
    "announcements": Command(
        "list the announcements that have not ended",
        "sitekit.operations.running_hub.announce:announcements",
        root=True,
    ),
    "announce_end": Command(
        "end an announcement now",
        "sitekit.operations.running_hub.announce:announce_end",
        root=True,
        variables={"ID": "the number of the announcement, as `make announcements` prints it"},
    ),
    "drain": Command(
        "start no new servers on a node or in a partition, and show a text to users whose servers run there",
        "sitekit.operations.running_hub.drain:drain",
        root=True,
        variables={
            "NODE": "a node of Slurm",
            "PARTITION": "a partition of the site's tiers, in place of NODE",
            "TEXT": "the reason, of at most 500 characters",
        },
        details="The state in Slurm does not change. Users cannot choose a tier if all its partitions are drained.",
    ),
    "undrain": Command(
        "start servers on a drained node or in a drained partition again",
        "sitekit.operations.running_hub.drain:undrain",
        root=True,
        variables={"NODE": "the node", "PARTITION": "the partition, in place of NODE"},
    ),
    "stop_servers": Command(
        "stop all servers of one user",
        "sitekit.operations.running_hub.drain:stop_servers",
        root=True,
        variables={"USER": "the user", "TEXT": "the reason, which the user reads"},
    ),
    "message": Command(
        "show a text to one user, or to all users, on the hub's pages and in JupyterLab",
        "sitekit.operations.running_hub.announce:message",
        root=True,
        variables={
            "USER": "the user",
            "ALL": "1: all users, in place of USER",
            "TEXT": "the text, of at most 500 characters",
        },
    ),
}
