"""Define the section `docker` of site.yml: the container engine on the hub's host, its images and
its network."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from ...base.errors import Unfit, shown
from ..types.value_types import AbsolutePath, ImageKey, Title, spelled
from .tier import Row


def _subnet(text: str) -> str:
    """Accept only a private IPv4 network with 16 to 65536 addresses."""
    try:
        network = ipaddress.IPv4Network(text)
        good = network.is_private and 16 <= network.prefixlen <= 28
    except ValueError:
        good = False
    if not good:
        raise Unfit(
            f"{shown(text)} is not a private IPv4 network of 16 to 65536 addresses",
            "write it like 172.30.0.0/24, and choose a network that this machine does not use otherwise",
        )
    return text


Subnet = Annotated[str, AfterValidator(_subnet)]
ImageName = Annotated[
    str,
    spelled(
        r"[a-z0-9][a-z0-9._:/-]{0,200}(@sha256:[0-9a-f]{64})?",
        "is not the name of an image",
        "write a name that `docker image ls` lists, like sitekit/workshop:2027",
    ),
]


ImageId = Annotated[
    str,
    spelled(
        r"sha256:[0-9a-f]{64}",
        "is not the Id of an image",
        "write what `docker image inspect --format {{.Id}} NAME` prints",
    ),
]


class DockerImage(Row):
    """Declare the keys of one container image. `python` is the path, in the image, of the Python
    that runs the server.

    If `digest` (the image's Id) is set, servers run this image even if its name is later given to
    another image.
    """

    key: Annotated[ImageKey, Field(examples=["python-r"])]
    title: Annotated[Title, Field(examples=["Python and R"])]
    name: Annotated[ImageName, Field(examples=["sitekit/workshop:2027"])]
    python: AbsolutePath = Path("/opt/jupyter/bin/python3")
    digest: ImageId | None = None


class Docker(Row):
    """Declare the keys of the section `docker`: program and socket of the container engine, and the
    network and images of the containers.

    The first IP address of `subnet` is the hub's IP address in the containers' network.
    """

    program: AbsolutePath = Path("/usr/bin/docker")
    socket: AbsolutePath = Path("/run/docker.sock")
    subnet: Subnet = "172.30.0.0/24"
    images: tuple[DockerImage, ...] = ()

    @property
    def command(self) -> list[str]:
        """Return the first words of each command for the engine: the engine's program, and the
        option with its socket.
        """
        return [str(self.program), "-H", f"unix://{self.socket}"]

    @property
    def gateway(self) -> str:
        """Return the address of the hub's host in the containers' network."""
        return str(next(ipaddress.IPv4Network(self.subnet).hosts()))
