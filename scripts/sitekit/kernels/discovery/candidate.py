"""What may become a kernel: modules, environments and images that the rules name; modules that
bring an interpreter."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from .module_tree import Chain, Module, natural
from .rules import Discover, Rule, Rules
from .run_spider import Broken

LONGEST = 100
"""Letters in the name of a kernel's folder; a file name has room for 255."""
PROGRAMS = {"python": ("python", "python3"), "R": ("R",)}
# A module of such a name that brings no interpreter is worth a line in the table: it is broken more
# likely than not.
TELLING = {
    "python": re.compile(r"(?i)(python\d?|anaconda\d?|mini(conda|forge)\d?|mamba(forge)?)$"),
    "R": re.compile(r"[rR]$"),
}


@dataclass(frozen=True)
class Candidate:
    """A kernel that may come to be: its folder's name, what it loads, the rule that shapes it.
    kernels.yml names one that is `listed` outright, and one that is `found` not at all."""

    id: str
    modules: Chain
    module: Module
    rule: Rule
    language: str | None
    listed: bool
    found: bool = False

    @property
    def label(self) -> str:
        return " ".join(self.modules) or self.rule.label


@dataclass(frozen=True)
class Note:
    """A line of the table about something that is not a kernel. `status` is `FAILED` or `skipped`."""

    status: str
    label: str
    reason: str
    listed: bool = False


def candidates(
    tree: list[Module], rules: Rules, offered: Mapping[str, str] = MappingProxyType({})
) -> tuple[list[Candidate], list[Note]]:
    """Rules first, in their order; a module that a rule took is not discovered again.

    `offered` are the languages of those that were found before: one whose interpreter is gone is a
    candidate still.
    """
    found: list[Candidate] = []
    notes: list[Note] = []
    taken: set[str] = set()
    known = {
        module.short: module
        for module in sorted(tree, key=lambda module: module.weight)
        if not module.hidden
    }
    known |= {module.full: module for module in tree}
    for rule in rules.kernels:
        if rule.modules:
            found += _named(rule, known, taken, notes)
        elif rule.place:
            found += _placed(rule, Path(rule.place), notes)
        else:
            found += _matched(rule, tree, taken, notes)
    found += _discovered(tree, rules.discover, offered, taken, notes)
    return _distinct(found, notes), notes


def unreadable(broken: Iterable[Broken]) -> list[Note]:
    """What of the module path Lmod cannot read: a line for each."""
    return [
        Note(
            "FAILED",
            str(entry.path),
            f"Lmod cannot read this part of the module path\n{entry.reason}",
        )
        for entry in broken
    ]


def _named(
    rule: Rule, known: dict[str, Module], taken: set[str], notes: list[Note]
) -> Iterator[Candidate]:
    """`modules` of kernels.yml. A name without a version stays so: it is the load that tells which
    is the default."""
    names = rule.modules or ()
    if missing := [name for name in names if name not in known]:
        notes.append(
            Note(
                "FAILED",
                rule.label,
                f"there is no module {missing[0]}{_near(missing[0], known)}",
                True,
            )
        )
        return
    module = known[names[-1]]
    if len(names) == 1 or module.parents:
        taken.add(module.full)
    if len(names) == 1:
        names = (*_chains(module, "newest")[0], names[0])
    yield Candidate(
        rule.id or slug(*(rule.modules or ())), names, module, rule, rule.language, True
    )


def _placed(rule: Rule, place: Path, notes: list[Note]) -> Iterator[Candidate]:
    if place.is_absolute() and not place.exists():
        notes.append(
            Note("FAILED", rule.label, "it is not there, or this account may not see it", True)
        )
        return
    name = place.name.removesuffix(".sif").replace(":", "-")
    module = Module(full=name, files=(), roots=(), parents=(), bins=(), hidden=False)
    yield Candidate(rule.id or slug(name), (), module, rule, rule.language, True)


def _matched(
    rule: Rule, tree: list[Module], taken: set[str], notes: list[Note]
) -> Iterator[Candidate]:
    fitting = [
        module for module in tree if rule.takes(module.full) and (rule.listed or not module.hidden)
    ]
    fresh = [module for module in fitting if module.full not in taken]
    if not fresh:
        why = (
            "an earlier entry of kernels.yml has taken it"
            if fitting
            else f"no module fits{_near(rule.label, [m.full for m in tree])}"
        )
        notes.append(Note("FAILED" if rule.listed else "skipped", rule.label, why, rule.listed))
    for module in fresh:
        taken.add(module.full)
        chains = _chains(module, rule.parents)
        for chain in chains:
            name = (
                rule.id
                if rule.id and len(chains) == 1
                else slug(module.full, *(chain if rule.parents == "all" else ()))
            )
            yield Candidate(name, (*chain, module.full), module, rule, rule.language, rule.listed)


def _discovered(
    tree: list[Module],
    discover: Discover,
    offered: Mapping[str, str],
    taken: set[str],
    notes: list[Note],
) -> Iterator[Candidate]:
    by_name: dict[str, list[tuple[Module, list[str]]]] = {}
    for module in tree:
        if module.hidden or discover.excludes(module.full) or module.full in taken:
            continue
        languages: list[str] = [
            one
            for one in discover.languages
            if _brings(module, one) or _brought(module, one, offered)
        ]
        if languages:
            by_name.setdefault(module.name, []).append((module, languages))
    for name, versions in by_name.items():
        count = len(versions) if discover.newest == "all" else discover.newest
        if older := versions[:-count]:
            names = ", ".join(module.version or module.full for module, _ in older)
            notes.append(
                Note(
                    "skipped",
                    f"{name}/…",
                    f"older than the newest {count}: {names} (kernels.yml: discover.newest)",
                )
            )
        for module, languages in versions[-count:]:
            # not checked: what is found may have any name
            rule = Rule.model_construct(modules=(module.full,))
            for language in languages:
                name_of = (
                    slug(module.full) if language == languages[0] else slug(module.full, language)
                )
                yield Candidate(
                    name_of,
                    (*_chains(module, "newest")[0], module.full),
                    module,
                    rule,
                    language,
                    False,
                    found=True,
                )


def _brings(module: Module, language: str) -> bool:
    if TELLING[language].match(module.name.rpartition("/")[2]):
        return True
    return any(
        os.access(folder / program, os.X_OK)
        for folder in module.bins
        for program in PROGRAMS[language]
    )


def _brought(module: Module, language: str, offered: Mapping[str, str]) -> bool:
    return language in (offered.get(slug(module.full)), offered.get(slug(module.full, language)))


def _chains(module: Module, which: str) -> list[Chain]:
    chains = sorted(module.parents, key=lambda chain: natural(" ".join(chain))) or [()]
    return chains if which == "all" else chains[-1:]


def _distinct(found: list[Candidate], notes: list[Note]) -> list[Candidate]:
    first: dict[str, Candidate] = {}
    for candidate in found:
        if candidate.id in first:
            other = first[candidate.id].label
            why = f"its kernel would be called '{candidate.id}' like that of {other}; give one of them an id"
            notes.append(Note("FAILED", candidate.label, why, candidate.listed))
        else:
            first[candidate.id] = candidate
    return list(first.values())


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1, 0.6)
    return f"; did you mean {close[0]}?" if close else ""


def slug(*names: str) -> str:
    """Module names -> the name of a kernel's folder, which notebooks remember: python/3.11 ->
    `python-3.11`."""
    plain = re.sub(r"[^a-z0-9._]+", "-", "-".join(names).lower()).strip("-._") or "kernel"
    if len(plain) <= LONGEST:
        return plain
    return f"{plain[: LONGEST - 9].rstrip('-._')}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"
