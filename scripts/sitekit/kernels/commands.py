"""Implement `make kernels`, `kernels_diff`, `kernels_check`, `kernels_import`, `images_check` and
`applications_check`."""

from __future__ import annotations

import sys
from pathlib import Path

from ..base.data_files import CHECKOUT, OWN_KERNELS, data
from ..base.errors import BadInput
from ..site import Site
from .applications.start_each_application import check_applications
from .check_published import check_kernels, publish_new
from .discovery.convert_envkernel_makefile import imported
from .images.check import check_images
from .make_and_publish import make_kernels
from .run_as_owner import another_owner, run_as


def kernels(site: Site, *words: str) -> int:
    """Make kernels from the site's modules, test them, and publish them.

    Returns 1 if a kernel failed that kernels.yml names, or that users see now.
    """
    _no_words(words)
    if owner := another_owner(site):
        return run_as(owner, site, "kernels")
    return make_kernels(site, _rules())


def kernels_diff(site: Site, *words: str) -> int:
    """Print which kernels `make kernels` would add, change and remove. Nothing is published.

    The printed table also shows kernels that fail.
    """
    _no_words(words)
    if owner := another_owner(site):
        return run_as(owner, site, "kernels_diff")
    return make_kernels(site, _rules(), switch=False)


def kernels_check(site: Site, *words: str) -> int:
    """Start every published kernel again (`kernels.check` in site.yml). Returns 1 if a kernel
    failed."""
    _no_words(words)
    if owner := another_owner(site):
        return run_as(owner, site, "kernels_check")
    first = publish_new(site) if site.kernels.check.publish_new else 0
    return max(first, check_kernels(site))


def kernels_import(*words: str) -> int:
    """Convert envkernel's command lines in a Makefile to the text of a kernels.yml, and print this
    text.

    Raises BadInput if the Makefile cannot be read, or has no command line of envkernel.
    """
    if len(words) != 1:
        raise BadInput(
            "no Makefile is named", remedy="make kernels_import MAKEFILE=path/to/Makefile"
        )
    sys.stdout.write(imported(Path(words[0])))
    return 0


def images_check(site: Site, *words: str) -> int:
    """Test the container images with the given keys, or all images. Returns 1 if an image failed.

    If root runs this command and another account owns the prefix, root tests only the images of
    Docker. The owner of the prefix tests all other images.
    """
    if not (owner := another_owner(site)):
        return check_images(site, words)
    known = [image.key for image in site.docker.images]
    keys = words or (*(image.key for image in site.server.images), *known)
    others = [key for key in keys if key not in known]
    code = run_as(owner, site, "images_check", *others) if others else 0
    of_docker = tuple(key for key in keys if key in known)
    return max(code, check_images(site, of_docker)) if of_docker else code


def applications_check(site: Site, *words: str) -> int:
    """Test the applications with the given keys, or all applications. Returns 1 if an application
    failed."""
    if owner := another_owner(site):
        return run_as(owner, site, "applications_check", *words)
    return check_applications(site, words)


def _rules() -> Path:
    """Return the path of config/kernels.yml. If this file does not exist, return the path of
    kernels/kernels.yml."""
    own = CHECKOUT / OWN_KERNELS
    return own if own.exists() else data("kernels/kernels.yml")


def _no_words(words: tuple[str, ...]) -> None:
    """Raise BadInput if a command that takes no arguments was called with arguments."""
    if words:
        raise BadInput(
            f"this command takes no argument, such as '{words[0]}'",
            remedy="name the modules in config/kernels.yml instead",
        )
