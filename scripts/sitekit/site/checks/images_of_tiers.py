"""Find the container images that a tier offers, and refuse a tier with an image that the site does
not have."""

from __future__ import annotations

from collections.abc import Iterator

from ...base.errors import Unfit
from ..sections.tier import Tier
from ..settings import SiteSettings


def images_of(site: SiteSettings, tier: Tier) -> dict[str, str]:
    """Return the container images that a tier can offer, as a mapping from an image's key to its
    title.

    Tiers on Docker use the images of the section `docker`. Tiers on systemd use no images.
    """
    if tier.runs_on == "systemd":
        return {}
    images = site.docker.images if tier.runs_on == "docker" else site.server.images
    return {image.key: image.title for image in images}


def unknown_images(site: SiteSettings) -> Iterator[Unfit]:
    """Yield an error for each image of a tier that the site does not have."""
    for place, tier in enumerate(site.tiers):
        known = images_of(site, tier)
        section = "docker.images" if tier.runs_on == "docker" else "server.images"
        for number, key in enumerate(tier.images):
            if key not in known:
                remedy = f"name one of: {', '.join(known)}" if known else f"add it to {section}"
                if tier.runs_on == "systemd":
                    remedy = "leave images out: servers on systemd run in no image"
                yield Unfit(f"there is no image '{key}'", remedy, "tiers", place, "images", number)
