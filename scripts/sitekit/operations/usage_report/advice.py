"""Find the tiers that are too large, too small or never used, with the figures that show this."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...site.types.memory_and_time import format_memory
from .compute_figures import Figures, percentile

FEWEST = 10  # with fewer measured servers, the measured use gives no advice
LARGE = 0.5  # too large: 95 % of the servers use less than this share of their memory or CPUs
NEAR = 0.95  # too small: 5 % of the servers use at least this share of memory_cap
FAILING = 0.05  # also too small: more than this share of the servers ended for lack of memory
TIME_OUT = 0.25  # a tier's time is short if more than this share of its servers reached the limit
ROOM = 1.25  # the proposed memory is this factor times the memory that 95 % of the servers need
STEP = 256  # the proposed memory is a multiple of this number of MiB


@dataclass(frozen=True)
class Advice:
    """Advice about one tier. `why` is the advice as a text with figures. `verdict` is the advice as
    one word, such as `small` or `unused`."""

    tier: str
    verdict: str
    why: str


def advise(tiers: Sequence[str], figures: Mapping[str, Figures]) -> list[Advice]:
    """Return the advice about the site's tiers, and about tiers that no longer exist but have
    servers in the figures."""
    others = sorted(set(figures) - set(tiers))
    return [one for tier in (*tiers, *others) for one in _advise(tier, figures.get(tier))]


def _advise(tier: str, own: Figures | None) -> Iterator[Advice]:
    if own is None or not (own.starts or own.not_started or own.hours):
        yield Advice(tier, "unused", "nobody has started a server of this tier in this period")
        return
    found = [*_memory(tier, own), *_cpus(tier, own), *_time(tier, own)]
    if not found and len(own.peaks) < FEWEST:
        why = f"{len(own.peaks)} of {own.starts} servers have a recorded use, at least {FEWEST} are needed"
        found = [Advice(tier, "unknown", why)]
    yield from found or [Advice(tier, "fits", _used(own))]


def _memory(tier: str, own: Figures) -> Iterator[Advice]:
    """Yield advice about the memory of a tier. With fewer than FEWEST measured servers, the only
    possible advice is that servers ended because memory was missing."""
    high, lost = percentile(own.peaks, 0.95), own.ends["memory"]
    if lost > 1 and lost > FAILING * own.starts:
        yield Advice(tier, "small", f"{lost} of {own.starts} servers ended for lack of memory")
    elif len(own.peaks) < FEWEST or high is None:
        return
    elif own.cap and high >= NEAR * own.cap:
        yield Advice(tier, "small", f"{_used(own)}; the limit is {format_memory(own.cap)}")
    elif own.memory and high < LARGE * own.memory:
        enough = max(STEP, -(-int(high * ROOM) // STEP) * STEP)
        if enough < own.memory:
            yield Advice(tier, "large", f"{_used(own)}; {format_memory(enough)} would do")


def _cpus(tier: str, own: Figures) -> Iterator[Advice]:
    high = percentile(own.cores, 0.95)
    if own.cpus > 1 and len(own.cores) >= FEWEST and high is not None and high < LARGE * own.cpus:
        why = f"95 % of {len(own.cores)} servers used at most {high:.1f} of {own.cpus} CPUs on average"
        yield Advice(tier, "large", why)


def _time(tier: str, own: Figures) -> Iterator[Advice]:
    if own.ends["time"] > 1 and own.ends["time"] > TIME_OUT * own.starts:
        why = f"{own.ends['time']} of {own.starts} servers ran until their time was over"
        yield Advice(tier, "short", why)


def _used(own: Figures) -> str:
    high = percentile(own.peaks, 0.95)
    if high is None:
        return f"{own.starts} servers"
    reserved = f" of {format_memory(own.memory)} reserved" if own.memory else ""
    return f"95 % of {len(own.peaks)} servers used at most {format_memory(int(high))}{reserved}"
