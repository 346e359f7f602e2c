"""Define the commands for workshops and courses, as a part of the table in commands.py."""

from __future__ import annotations

from .command_definition import Command

WORKSHOP_AND_COURSES: dict[str, dict[str, Command]] = {
    "A workshop on this machine": {
        "accounts": Command(
            "create Unix accounts for participants, each with its own password",
            "sitekit.machine.participants.commands:accounts",
            root=True,
            variables={
                "COUNT": "the number of accounts",
                "PREFIX": "how the names begin: PREFIX=training makes training01, training02",
                "FIRST": "the number in the first name; default: 1",
                "GROUP": "the group of the accounts, one of login.allowed_groups; default: the first one",
                "PASSWORD": "same: one random password for all accounts; default: a random password for each account",
            },
            details="If the command was interrupted, run it again. The command never changes existing accounts.",
        ),
        "accounts_slips": Command(
            "write a page with a slip for each account: the site's URL, QR code, user name and password",
            "sitekit.machine.participants.commands:accounts_slips",
            root=True,
            variables={
                "PREFIX": "the PREFIX of `make accounts`",
                "FORMAT": "html (default) or pdf",
            },
        ),
        "accounts_remove": Command(
            "remove the accounts that `make accounts` created",
            "sitekit.machine.participants.commands:accounts_remove",
            root=True,
            variables={
                "PREFIX": "the PREFIX of `make accounts`",
                "DATA": "keep (default): keep the homes, which then belong to root; remove: delete the homes",
                "END": "1 kills running processes of the accounts; without END=1 the command refuses to run",
            },
            details="If the command was interrupted, run it again.",
        ),
        "sizing": Command(
            "measure a server and a kernel, and print how many participants fit this machine",
            "sitekit.operations.sizing.commands:sizing",
            variables={"DATA": "the data that a participant reads into memory, such as 300M"},
        ),
    },
    "Courses": {
        "course_new": Command(
            "write a course file from arguments, or from answers at the terminal",
            "sitekit.operations.courses.new_course:course_new",
            variables={
                "COURSE": "the course's short name",
                "TITLE": "the course's title",
                "STARTS": "the course's first day, such as 2026-09-01, or day and time",
                "ENDS": "the course's last day, which is included, or day and time",
                "TIER": "the tier of the course's servers",
                "ROSTER": "a Unix group, or a file of names beside the course file",
                "INSTRUCTORS": "user names, with commas between them",
                "RESERVATION": "a reservation of Slurm",
                "KERNEL": "the kernel of new notebooks",
                "REPOSITORY": "the git repository of the material, https://...",
                "REF": "a branch or tag of the repository",
                "FOLDER": "a folder with the material, in place of REPOSITORY",
                "PAGE": "the file of the material that JupyterLab opens",
            },
        ),
        "course_check": Command(
            "check that a course can take place: people, reservation, kernel, material, homes, number of nodes",
            "sitekit.operations.courses.check_course:course_check",
            variables={"COURSE": "the course's short name"},
            details="Exits with 1 if something is missing.",
        ),
        "course_drill": Command(
            "start the servers of all participants at once, print figures and failures, and stop them",
            "sitekit.operations.courses.course_drill:course_drill",
            root=True,
            variables={
                "COURSE": "the course's short name",
                "COUNT": "for how many participants, in alphabetical order, a server is started; default: all",
            },
            details="The servers run under the participants' Unix accounts, and copy the material to their homes.",
        ),
    },
}
