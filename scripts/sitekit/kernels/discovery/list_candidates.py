"""List the candidates: the modules, conda or virtual environments and images from which `make
kernels` can make kernels.

Candidates are the modules, environments and images that kernels.yml names. Other modules are
candidates if they contain an interpreter.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from .list_modules import Chain, Module, natural
from .rules import Discover, Rule, Rules
from .run_spider import Broken

LONGEST = 100
"""The longest id of a kernel, in characters. The kernel's folder has this id as its name. Linux
allows 255 bytes in a file name."""
PROGRAMS = {"python": ("python", "python3"), "R": ("R",)}
# If a module has one of these names, but no interpreter, the module is probably broken. Therefore
# the table lists such modules.
TELLING = {
    "python": re.compile(r"(?i)(python\d?|anaconda\d?|mini(conda|forge)\d?|mamba(forge)?)$"),
    "R": re.compile(r"[rR]$"),
}


@dataclass(frozen=True)
class Candidate:
    """Describe a kernel that `make kernels` can make: the name of the kernel's folder, its modules,
    and its entry in kernels.yml.

    `listed` is true if kernels.yml names the module without wildcards. `found` is true if the
    module was discovered and kernels.yml does not name it.
    """

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
    """Hold one row in the table of `make kernels`, about a module that does not become a kernel.

    `status` is `FAILED` or `skipped`.
    """

    status: str
    label: str
    reason: str
    listed: bool = False


def candidates(
    tree: list[Module], rules: Rules, offered: Mapping[str, str] = MappingProxyType({})
) -> tuple[list[Candidate], list[Note]]:
    """Return the candidates, and the rows for the table about modules that are not candidates.

    Candidates from entries of kernels.yml come first, in the order of the entries. If an entry
    names a module, this function does not discover the same module again. `offered` maps the
    modules of kernels that were discovered in earlier runs to their languages. Modules in `offered`
    stay candidates even if their interpreters no longer exist.
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
    """Return a row of the table for each folder of the module path that Lmod cannot read."""
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
    """Yield the candidate that an entry of kernels.yml with `modules` names.

    If a module name has no version, Lmod chooses the default version when the module is loaded.
    Therefore this function does not add a version to the module name.
    """
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
    """Yield the candidate that an entry of kernels.yml with an environment or an image names."""
    if place.is_absolute() and not place.exists():
        notes.append(
            Note("FAILED", rule.label, "it does not exist, or this account cannot see it", True)
        )
        return
    name = place.name.removesuffix(".sif").replace(":", "-")
    module = Module(full=name, files=(), roots=(), parents=(), bins=(), hidden=False)
    yield Candidate(rule.id or slug(name), (), module, rule, rule.language, True)


def _matched(
    rule: Rule, tree: list[Module], taken: set[str], notes: list[Note]
) -> Iterator[Candidate]:
    """Yield the candidates that an entry of kernels.yml with `match` (a pattern) names."""
    fitting = [
        module for module in tree if rule.takes(module.full) and (rule.listed or not module.hidden)
    ]
    fresh = [module for module in fitting if module.full not in taken]
    if not fresh:
        why = (
            "an earlier entry of kernels.yml already names it"
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
    """Yield the candidates that kernels.yml does not name: the newest versions of each module that
    has an interpreter."""
    open_ones = [module for module in tree if not module.hidden and module.full not in taken]
    for name, versions in _with_languages(open_ones, discover, offered).items():
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
            yield from _of_languages(module, languages)


def _with_languages(
    modules: Iterable[Module], discover: Discover, offered: Mapping[str, str]
) -> dict[str, list[tuple[Module, list[str]]]]:
    """Return the modules that contain interpreters. The result maps each module name to its
    versions, each with the languages of its interpreters."""
    by_name: dict[str, list[tuple[Module, list[str]]]] = {}
    for module in modules:
        if discover.excludes(module.full):
            continue
        languages: list[str] = [
            one
            for one in discover.languages
            if _brings(module, one) or _brought(module, one, offered)
        ]
        if languages:
            by_name.setdefault(module.name, []).append((module, languages))
    return by_name


def _of_languages(module: Module, languages: list[str]) -> Iterator[Candidate]:
    """Yield a candidate for each language of a discovered module."""
    # the entry is not validated, because a discovered module can have a name that kernels.yml does
    # not allow
    rule = Rule.model_construct(modules=(module.full,))
    chain = (*_chains(module, "newest")[0], module.full)
    for language in languages:
        # only the kernel of the first language gets the name without the language
        name = slug(module.full) if language == languages[0] else slug(module.full, language)
        yield Candidate(name, chain, module, rule, language, False, found=True)


def _brings(module: Module, language: str) -> bool:
    """Return whether the module probably contains an interpreter of this language. The module's
    name and the folders that it adds to PATH are checked."""
    if TELLING[language].match(module.name.rpartition("/")[2]):
        return True
    return any(
        os.access(folder / program, os.X_OK)
        for folder in module.bins
        for program in PROGRAMS[language]
    )


def _brought(module: Module, language: str, offered: Mapping[str, str]) -> bool:
    """Return whether an earlier run made a kernel of this language from the module."""
    return language in (offered.get(slug(module.full)), offered.get(slug(module.full, language)))


def _chains(module: Module, which: str) -> list[Chain]:
    """Return lists of parent modules. To load the module, all modules of one of these lists must be
    loaded first. If `which` is "all", return all lists. Otherwise, return only the newest list."""
    chains = sorted(module.parents, key=lambda chain: natural(" ".join(chain))) or [()]
    return chains if which == "all" else chains[-1:]


def _distinct(found: list[Candidate], notes: list[Note]) -> list[Candidate]:
    """Return the candidates without duplicate names. If two candidates have the same name, the
    second is omitted, and a note about the second is added to `notes`."""
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
    """Return the hint `did you mean NAME?` for a module name that does not exist. If no module has
    a similar name, return ""."""
    close = difflib.get_close_matches(name, list(known), 1, 0.6)
    return f"; did you mean {close[0]}?" if close else ""


def slug(*names: str) -> str:
    """Convert a module's name to the id of a kernel: python/3.11 -> `python-3.11`. The kernel's
    folder has this id as its name, and notebooks store the id."""
    plain = re.sub(r"[^a-z0-9._]+", "-", "-".join(names).lower()).strip("-._") or "kernel"
    if len(plain) <= LONGEST:
        return plain
    return f"{plain[: LONGEST - 9].rstrip('-._')}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"
