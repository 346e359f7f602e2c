"""Refuse keys that tiers on the hub's own host (`runs_on: docker` or `systemd`) cannot have, and
sites in which such tiers would be unsafe."""

from __future__ import annotations

from collections.abc import Iterator

from ...base.errors import Unfit
from ..sections.tier import Choose, Tier
from ..settings import SiteSettings

OF_SCHEDULERS = ("partitions", "gpus", "gpu_type", "nodes", "tasks", "exclusive", "account", "qos",
                 "reservation", "constraint")  # fmt: skip


def local_tiers_fit(site: SiteSettings) -> Iterator[Unfit]:
    """Yield an error for each wrong setting of the tiers with `runs_on: docker` or `systemd`."""
    for place, tier in enumerate(site.tiers):
        if tier.runs_on in site.local_backends:
            for what, remedy, *key in _faults(tier):
                yield Unfit(what, remedy, "tiers", place, *key)
    if site.local_backends:
        yield from _site_fits(site)
    if "docker" in site.backends:
        yield from _docker_fits(site)


def _faults(tier: Tier) -> Iterator[tuple[str, ...]]:
    """For each setting of the tier that only Slurm supports, yield three texts: the fault, the
    remedy and the key.
    """
    for key in OF_SCHEDULERS:
        if getattr(tier, key) != Tier.model_fields[key].default:
            yield f"tiers on {tier.runs_on} have no {key}", "leave it out; only Slurm has it", key
    if tier.choose != Choose():
        what = f"limits of a tier on {tier.runs_on} are fixed"
        yield what, "leave it out, and write a tier for each size", "choose"
    if tier.requires.account:
        what = f"tiers on {tier.runs_on} have no Slurm accounts"
        yield what, "name a Unix group instead, with requires.group", "requires", "account"
    if tier.runs_on == "docker" and not tier.images:
        what = "a server on docker runs in an image, and the tier has none"
        yield what, "add a key of docker.images, such as `images: [python-r]`", "images"


def _site_fits(site: SiteSettings) -> Iterator[Unfit]:
    """Yield an error for each site setting that does not work with servers on the hub's own
    host."""
    if site.slurm.ssh:
        yield Unfit(
            "the servers of other tiers run on the hub's own host",
            "leave slurm.ssh out, or run all tiers on Slurm",
            *("slurm", "ssh"),
        )
    if site.login.gateway:
        yield Unfit(
            "all servers on this host would run as one account, and could change each other",
            "give each user an account, as with `accounts: {file: ...}`",
            *("login", "accounts", "gateway"),
        )
    if not site.internal_tls:
        yield Unfit(
            "without it, any account of this host could open another user's server",
            "leave internal_tls on",
            "internal_tls",
        )


def _docker_fits(site: SiteSettings) -> Iterator[Unfit]:
    """Yield an error for each setting that does not work with the section `docker`."""
    if site.hub.address != site.docker.gateway:
        yield Unfit(
            f"containers reach the hub at the first address of docker.subnet, {site.docker.gateway}",
            f"write `address: {site.docker.gateway}`",
            *("hub", "address"),
        )
    keys = [image.key for image in site.docker.images]
    for place, key in enumerate(keys):
        if (first := keys.index(key)) != place:
            what = f"images[{first}] already has the key '{key}'"
            yield Unfit(what, "give each image a key of its own", "docker", "images", place, "key")
