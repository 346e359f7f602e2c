"""Implement `make kernels`, which makes kernels from modules.

The steps are: read the module tree, list candidates, test each candidate for the first time, write
a new generation, start its kernels, print the table, switch one link to the generation, and remove
old generations.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..base import progress
from ..base.errors import Problem
from ..base.files import write_atomic
from ..contracts.kernel_state import KernelState, read_kernel_state, write_kernel_state
from ..site import Site
from . import result_table
from .check_writers import refuse_writable
from .discovery.list_candidates import Candidate, candidates, unreadable
from .discovery.list_modules import Module, read_tree
from .discovery.rules import Rules, load_rules
from .discovery.run_spider import Broken
from .find_kernels_without_module import keep_out_of_sight, unlisted
from .generations import generation
from .generations.generation_record import Record, read_record, write_record
from .generations.kernel_record import Kernel, is_unchanged, with_distinct_titles
from .personal import site_info
from .plan_kernels import Plan, code_of, rows_of
from .result_table import Row
from .trials.kernels_with_users_modules import inheriting
from .trials.probe_candidates import Failure, key_of, probe_all
from .trials.try_kernels import Trial, account, start_and_compare


def make_kernels(site: Site, rules_file: Path, switch: bool = True) -> int:
    """Run all steps of `make kernels`. If `switch` is false, stop after the table is printed, and
    publish nothing.

    Returns 1 if a kernel failed that kernels.yml names, or that users see now. The published
    generation (the folder with the kernels that users see) contains a copy of kernels.yml. Raises
    Problem if no kernel works, or BadInput for a fault in kernels.yml.
    """
    rules = load_rules(rules_file)
    text = rules_file.read_text(encoding="utf-8")
    trial = Trial(account(site, rules.test_as), rules.start_timeout)
    before = os.umask(0o022)
    try:
        with generation.lock(site):
            return _make(site, rules, text, trial, switch)
    finally:
        os.umask(before)


def _make(site: Site, rules: Rules, text: str, trial: Trial, switch: bool) -> int:
    """Run the steps of `make_kernels`. `text` is the text of kernels.yml."""
    tree, broken = _read_modules(site, rules, trial)
    old = generation.current(site)
    plan = _plan(site, rules, tree, trial, old)
    plan.notes += unreadable(broken)
    if old is not None and plan.changes_nothing:
        rows = _show(site, plan, {}, {})
        if switch:
            _renew_record(old, text, plan, _record(rules, plan, plan.old, plan.lost))
        progress.say(f"Nothing has changed: {result_table.counted(rows)}.")
        return code_of(rows)
    new = generation.begin(site)
    with generation.under_way(site, new):
        site_info.write_site_info(new, site, rules)
        write_atomic(new / generation.RULES, text)
        kept, failed = _build(site, plan, old, new, trial)
        rows = _show(site, plan, kept, failed)
        offered, lost = plan.working(kept, failed), plan.failing(kept, failed)
        if plan.old and not offered:
            raise Problem(
                "no kernel works any more, so the published ones stay",
                str(site.kernels_current),
                "repair first what the table shows",
            )
        if not switch:
            progress.say(
                f"Nothing was published: {result_table.counted(rows)}. `make kernels` publishes what works."
            )
            return code_of(rows)
        if old is not None:
            offered |= keep_out_of_sight(site, old, new, (plan.old[name] for name in lost))
        count = _publish(site, new, _record(rules, plan, offered, lost))
        progress.say(
            f"Published {count} kernels in {site.kernels_current}: {result_table.counted(rows)}."
        )
        return code_of(rows)


def _read_modules(site: Site, rules: Rules, trial: Trial) -> tuple[list[Module], list[Broken]]:
    """Return all modules, and the folders of the module path that Lmod cannot read.

    Raises Problem if an untrusted account can change files that the kernels run.
    """
    with progress.step("Reading the module tree") as step:
        tree, broken = read_tree(site, trial.user, rules.load_environment)
        step.done(f"{len(tree)} modules")
    _refuse_untrusted(site, rules, tree)
    return tree, broken


def _show(site: Site, plan: Plan, kept: dict[str, Kernel], failed: dict[str, str]) -> list[Row]:
    """Print the table of all kernels, and return its rows."""
    rows = rows_of(site, plan, kept, failed)
    result_table.show(rows)
    return rows


def _renew_record(published: Path, text: str, plan: Plan, record: Record) -> None:
    """Store the new kernels.yml and the new record in the published generation. The kernels are
    unchanged."""
    write_atomic(published / generation.RULES, text)
    if record != plan.record:
        write_record(published, record)


def _publish(site: Site, new: Path, record: Record) -> int:
    """Publish the generation. Returns the number of kernels that work."""
    write_record(new, record)
    generation.fix_modes(new)
    generation.publish(site, new)
    count = len(record.kernels) - len(record.failing)
    before = read_kernel_state(site) or KernelState()
    write_kernel_state(site, replace(before, proven=count, failing=record.failing))
    return count


def _record(
    rules: Rules, plan: Plan, offered: Mapping[str, Kernel], lost: Mapping[str, str]
) -> Record:
    """Return the record of the kernels that users see.

    If a kernel failed in an earlier `make kernels_check`, and was not changed since then, the
    record still lists the kernel as failing.
    """
    failing = {
        name: why
        for name, why in plan.record.failing.items()
        if offered.get(name) == plan.old[name]
    }
    failing |= {name: why for name, why in lost.items() if name in offered}
    return Record(offered, failing, plan.quiet, rules.test_as, rules.start_timeout, complete=True)


def _refuse_untrusted(site: Site, rules: Rules, tree: list[Module]) -> None:
    """Raise Problem if an untrusted account can change files that the kernels run."""
    places = {
        generation.root(site),
        generation.root(site) / "generations",
        *site.kernels.modulepath,
        site.kernels.lmod,
    }
    for module in tree:
        for file in module.files:
            places |= {file, file.parent}
            places |= {
                folder
                for root in module.roots
                for folder in file.parents
                if folder.is_relative_to(root)
            }
    named = [
        path for rule in rules.kernels for path in (rule.bin, *rule.marks) if path and path.exists()
    ]
    places |= {*named, *(path.parent for path in named)}
    trusted = (site.paths.prefix, *site.kernels.modulepath, site.kernels.lmod, *named)
    owners = {path.stat().st_uid for path in trusted}
    refuse_writable(places, rules.trusted_groups, owners)


def _plan(site: Site, rules: Rules, tree: list[Module], trial: Trial, now: Path | None) -> Plan:
    """Find the candidates (modules, environments and images from which kernels can be made), and
    run the first test of each candidate that is new or changed."""
    record = (read_record(now) if now else None) or Record()
    old = record.kernels
    found, notes = candidates(
        tree, rules, {name: kernel.language for name, kernel in old.items() if kernel.found}
    )
    known = {
        candidate.id: result
        for candidate in found
        if (result := _known(site, rules, candidate, record, now))
    }
    unknown = [candidate for candidate in found if candidate.id not in known]
    probed = probe_all(site, rules, unknown, trial.user)
    results = known | {
        candidate.id: result for candidate, result in zip(unknown, probed, strict=True)
    }
    kernels = [result for c in found if isinstance(result := results[c.id], Kernel)]
    failures = [result for result in results.values() if isinstance(result, Failure)]
    wanted = {
        kernel.id: kernel
        for kernel in with_distinct_titles([*kernels, *inheriting(rules.inherit, kernels)])
    }
    fresh = [kernel for kernel in wanted.values() if old.get(kernel.id) != kernel]
    quiet = {
        f.candidate.id: {"key": f.key, "reason": f.reason, "watch": f.watch}
        for f in failures
        if not f.broken
    }
    listed = {candidate.id for candidate in found if candidate.listed}
    lost = {f.candidate.id: f.reason for f in failures if f.candidate.id in old} | unlisted(
        site, rules, tree, old.values()
    )
    return Plan(record, wanted, fresh, failures, notes, quiet, listed, lost)


def _known(
    site: Site, rules: Rules, candidate: Candidate, record: Record, now: Path | None
) -> Kernel | Failure | None:
    """Return the result that an earlier run has recorded for the candidate. Return None if the
    candidate must be tested again.

    If the rules and the files of the candidate have not changed since the last test, the result of
    the last test is used. `now` is the published generation, and `record` is the record of this
    generation.
    """
    key = key_of(site, rules, candidate)
    if kernel := record.kernels.get(candidate.id):
        same = (
            kernel.key == key
            and is_unchanged(kernel.watch)
            and generation.has_kernel_files(now, kernel)
        )
        return kernel if same else None
    silent = record.quiet.get(candidate.id)
    if silent and silent["key"] == key and is_unchanged(silent["watch"]):
        return Failure(candidate, silent["reason"], False, key, silent["watch"])
    return None


def _build(
    site: Site, plan: Plan, old: Path | None, new: Path, trial: Trial
) -> tuple[dict[str, Kernel], dict[str, str]]:
    """Write all kernels into the folder `new`, and start the new and changed kernels.

    Returns the failed kernels whose last version is kept, and the reasons of all failures.
    """
    unwritten = generation.write_specs(site, new, plan.fresh)
    fresh = {kernel.id for kernel in plan.fresh}
    if old is not None:
        generation.carry_over(
            old, new, (kernel for kernel in plan.wanted.values() if kernel.id not in fresh)
        )
    generation.fix_modes(new)
    written = [kernel for kernel in plan.fresh if kernel.id not in unwritten]
    failed = {**unwritten, **start_and_compare(site, new, written, trial)}
    generation.drop(new, failed)
    # If a kernel that kernels.yml names fails, `make kernels` keeps the kernel's last version, if
    # this version still works.
    gone = {*failed, *plan.lost} & plan.listed
    kept = {name: plan.old[name] for name in gone if name in plan.old}
    if old is not None and kept:
        generation.carry_over(old, new, kept.values())
        broken = start_and_compare(site, new, list(kept.values()), trial)
        generation.drop(new, broken)
        kept = {name: kernel for name, kernel in kept.items() if name not in broken}
    return kept, failed
