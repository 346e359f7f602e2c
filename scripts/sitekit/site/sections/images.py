"""Define the container images that users can choose, and the engine that runs images on compute
nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ...base.errors import Unfit, shown
from ..types.value_types import AbsolutePath, ImageKey, Title, spelled
from .tier import Row

PROGRAMS = {"apptainer": "apptainer", "singularity": "singularity", "charliecloud": "ch-run"}
"""Maps each container engine to the name of its program."""

OURS = ("/dev", "/home", "/opt/sitekit-session", "/proc", "/sys", "/tmp")  # noqa: S108
"""Folders of a container into which the engine and sitekit write. No bind may be at or below one of
them."""

SYSTEM = ("/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr", "/var")
"""Folders of an image that a bind must not hide. A bind below one of these folders is allowed."""

_PATH = r"/[A-Za-z0-9/._+@-]+"


def _bind(text: str) -> str:
    """Return a bind (a folder of the compute node that users also see in the container) in the form
    SOURCE:PLACE or SOURCE:PLACE:ro. Refuse an invalid bind.
    """
    match = re.fullmatch(rf"({_PATH})(?::({_PATH}))?(:ro)?", text)
    if match is None or ".." in text.replace(":", "/").split("/"):
        raise Unfit(
            f"{shown(text)} is not a folder to show in the container",
            "write absolute paths without '..': /scratch, /data:/mnt/data or /data:/mnt/data:ro",
        )
    source, place, read_only = match.groups()
    place = str(PurePosixPath(place or source))
    if hidden := _hidden_by(place):
        raise Unfit(
            f"{place} in the container would hide or change {hidden}, which the server needs",
            "name another place in the container, as /data:/mnt/data",
        )
    return f"{PurePosixPath(source)}:{place}{read_only or ''}"


def _hidden_by(place: str) -> str | None:
    """Return the folder of the container that a bind at `place` would hide or change; None if there
    is no such folder.
    """
    path = PurePosixPath(place)
    for folder in (*OURS, *SYSTEM):
        if PurePosixPath(folder).is_relative_to(path):
            return folder
    return next((folder for folder in OURS if path.is_relative_to(folder)), None)


Bind = Annotated[str, AfterValidator(_bind)]
Digest = Annotated[
    str,
    spelled(
        r"sha256:[0-9a-f]{64}",
        "is not a digest",
        "write sha256: and the 64 digits that sha256sum prints",
    ),
]


class Containers(Row):
    """Declare the keys of `containers`: the container engine, and the path of its program on the
    compute nodes.
    """

    engine: Annotated[
        Literal["apptainer", "singularity", "charliecloud"], Field(examples=["apptainer"])
    ]
    program: AbsolutePath | None = None

    @property
    def path(self) -> Path:
        """Return the path of the engine's program on the compute nodes."""
        return self.program or Path("/usr/bin", PROGRAMS[self.engine])


class Image(Row):
    """Declare the keys of one container image, which is a file or a folder on the shared
    filesystem.

    `python` is the path, in the image, of the Python that runs the server. `binds` are folders of
    the compute node that users also see in the container.
    """

    key: Annotated[ImageKey, Field(examples=["python"])]
    title: Annotated[Title, Field(examples=["Python 3.11"])]
    path: Annotated[AbsolutePath, Field(examples=["/shared/images/python.sif"])]
    python: AbsolutePath = Path("/usr/bin/python3")
    digest: Digest | None = None
    binds: tuple[Bind, ...] = ()


def image_faults(containers: Containers | None, images: tuple[Image, ...]) -> Iterator[Unfit]:
    """Yield an error for each image that is defined twice or that the engine cannot run."""
    if images and containers is None:
        yield Unfit(
            "there are images, but no engine that runs them",
            "add below server: `containers: {engine: apptainer}`",
            "images",
        )
    keys = [image.key for image in images]
    for place, image in enumerate(images):
        if (first := keys.index(image.key)) != place:
            what = f"images[{first}] already has the key '{image.key}'"
            yield Unfit(what, "give each image a key of its own", "images", place, "key")
        for number, bind in enumerate(image.binds):
            if containers and containers.engine == "charliecloud" and bind.endswith(":ro"):
                yield Unfit(
                    "Charliecloud has no read-only binds",
                    "leave ':ro' out, or make the folder read-only on the nodes",
                    *("images", place, "binds", number),
                )
