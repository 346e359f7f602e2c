"""Write a course file from arguments or from answers at the terminal (`make course_new`)."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

from ...base.errors import BadInput, shown
from ...base.files import write_atomic
from ...base.progress import say
from ...site import Site
from ...site.courses.course_files import KEY, courses_folder, read_course

QUESTIONS = {
    "COURSE": "The course's short name, which is also the folder of its material (a-z, 0-9, _, -)",
    "TITLE": "The title on the form",
    "STARTS": "The first day, such as 2026-09-01",
    "ENDS": "The last day",
    "TIER": "The tier of its servers",
    "ROSTER": "A Unix group, or a file of names beside the course file, such as bio101.csv",
    "INSTRUCTORS": "The instructors' user names, with commas between them",
}
"""The questions at the terminal for arguments that were not given on the command line."""

FURTHER = ("RESERVATION", "KERNEL", "REPOSITORY", "REF", "FOLDER", "PAGE")


def course_new(site: Site, *words: str) -> int:
    """Write the course file from arguments like `COURSE=bio101`. Returns 0. Raises BadInput.

    If the file already exists, or if an answer is not valid, nothing is written.
    """
    given = dict(_pair(word) for word in words)
    for name, question in QUESTIONS.items():
        if name not in given:
            given[name] = _ask(site, name, question)
    folder, key = courses_folder(site), given["COURSE"]
    if not KEY.fullmatch(key):
        what = f"{shown(key)} cannot be a course's name"
        raise BadInput(what, "course_new", "use at most 31 of a-z, 0-9, '_' and '-'")
    path, roster = folder / f"{key}.yml", folder / given["ROSTER"]
    if path.exists():
        raise BadInput("there is a course of this name already", str(path), "edit this file")
    new_roster = roster.suffix in (".csv", ".txt") and not roster.exists()
    folder.mkdir(parents=True, exist_ok=True)
    _write(site, path, given)
    say(f" ok wrote {path}")
    if new_roster:
        write_atomic(roster, _roster_text(roster, given), mode=0o640)
        say(f"    Write the participants' names into {roster}, one a line.")
    say(f"    Then: sudo make apply; make course_check COURSE={key}")
    return 0


def _write(site: Site, path: Path, given: dict[str, str]) -> None:
    """Write the course file under a temporary name, check its content, and rename the file. Raises
    BadInput."""
    draft_folder = path.parent / f".new-{path.stem}"
    draft = draft_folder / path.name
    draft_folder.mkdir(exist_ok=True)
    try:
        write_atomic(draft, _text(given), mode=0o640)
        roster = path.parent / given["ROSTER"]
        if roster.parent == path.parent:
            write_atomic(draft_folder / roster.name, _roster_text(roster, given))
        read_course(draft, site)
        os.link(draft, path)  # fails if another program has written the file meanwhile
    except BadInput as fault:
        text = str(fault).replace(f"{draft}:", "course_new: line ")
        raise BadInput(text, remedy="give it another value") from None
    finally:
        for file in draft_folder.iterdir():
            file.unlink()
        draft_folder.rmdir()


def _roster_text(roster: Path, given: dict[str, str]) -> str:
    """Return the text of the existing roster file, or the text of a new roster file."""
    if roster.is_file():
        return roster.read_text(encoding="utf-8-sig")
    return f"# {given['TITLE']}: one user name a line\n"


def _text(given: dict[str, str]) -> str:
    """Return the text of the course file. Because each value is written as JSON, which is also
    valid YAML, special characters are quoted correctly."""
    quoted = {name: json.dumps(value, ensure_ascii=False) for name, value in given.items()}
    source = "file" if re.search(r"\.(csv|txt)$", given["ROSTER"]) else "group"
    names = [name for name in re.split(r"[,\s]+", given["INSTRUCTORS"]) if name]
    lines = [
        "# A course; docs/courses.md explains each key.",
        f"title: {quoted['TITLE']}",
        f"starts: {quoted['STARTS']}",
        f"ends: {quoted['ENDS']}",
        f"tier: {quoted['TIER']}",
        f"roster: {{{source}: {quoted['ROSTER']}}}",
        f"instructors: {json.dumps(names)}",
    ]
    lines += [
        f"{name.lower()}: {quoted[name]}" for name in ("RESERVATION", "KERNEL") if name in given
    ]
    material = [
        f"{name.lower()}: {quoted[name]}"
        for name in ("REPOSITORY", "REF", "FOLDER")
        if name in given
    ]
    lines += [f"material: {{{', '.join(material)}}}"] if material else []
    lines += [f"page: {quoted['PAGE']}"] if "PAGE" in given else []
    return "\n".join(lines) + "\n"


def _pair(word: str) -> tuple[str, str]:
    """Split an argument `NAME=value`, and check its name."""
    name, _, value = word.partition("=")
    if name not in (*QUESTIONS, *FURTHER) or not value.strip() or not value.isprintable():
        known = ", ".join((*QUESTIONS, *FURTHER))
        raise BadInput(
            f"{shown(word)} is not one of {known}, with a value",
            "course_new",
            "write it like: make course_new COURSE=bio101 TITLE='Bioinformatics 101'",
        )
    return name, value


def _ask(site: Site, name: str, question: str) -> str:
    """Print a question and read the answer from the terminal. Raises BadInput if there is no
    terminal or no answer."""
    if not sys.stdin.isatty():
        raise BadInput(f"{name} is missing", "course_new", f"add {name}=value: {question}")
    tiers = f" ({', '.join(tier.key for tier in site.tiers)})" if name == "TIER" else ""
    try:
        answer = input(f"{question}{tiers}: ").strip()
    except EOFError:
        answer = ""
    if not answer and name != "INSTRUCTORS":
        raise BadInput(f"{name} has no value", "course_new", question)
    return answer
