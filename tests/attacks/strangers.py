"""Jobs that look like servers' to anybody who only looks at names: submitted by a user of the
cluster, and held."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sitekit.site import Site

from ..slurm import ask


@contextmanager
def job(
    site: Site, user: str, *words: str, comment: str = "", count: int = 1, runs: bool = False
) -> Iterator[list[str]]:
    """`count` jobs with the name of servers, held unless they are to run, by number. Cancelled at
    the end."""
    ours = (
        "--parsable",
        f"--job-name={site.job_name}",
        "--partition=jupyter-short",
        "--mem=10M",
        *(() if runs else ("--hold",)),
    )
    more = ("--chdir=/", "--output=/dev/null", f"--comment={comment}", *words)
    numbers: list[str] = []
    try:
        for _ in range(count):
            numbers.append(ask(site, "sbatch", *ours, *more, "--wrap=sleep 3600", user=user))
        yield numbers
    finally:
        if numbers:
            ask(site, "scancel", *numbers)


@contextmanager
def het_job(site: Site, user: str) -> Iterator[None]:
    """A heterogeneous job of two parts, both of which have the site's name."""
    part = (f"--job-name={site.job_name}", "--partition=jupyter-short", "--mem=10M", "--hold")
    number = ask(
        site,
        "sbatch",
        "--parsable",
        *part,
        "--chdir=/",
        "--output=/dev/null",
        "--wrap=sleep 1",
        ":",
        *part,
        user=user,
    )
    try:
        yield
    finally:
        ask(site, "scancel", number)
