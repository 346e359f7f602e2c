"""Define the section `server` of site.yml: the settings of all users' servers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ...base.errors import Unfit, Unfits
from ..types.address_types import Repositories, Repository
from ..types.value_types import (
    AbsolutePath,
    Branch,
    Count,
    FileMask,
    HomePath,
    LinkName,
    PortRange,
    Title,
    UrlPath,
    UserVariable,
)
from .applications import Application, application_faults
from .images import Containers, Image, image_faults
from .tier import Memory, Partition, Row, Time


class RepositoryCopy(Row):
    """Declare the keys of `repository`: a git repository of which each user gets a copy in the
    server's folder.

    `folder` is the name of the copy, by default the last part of the URL. `branch` is by default
    the default branch of the repository.
    """

    url: Annotated[Repository, Field(examples=["https://github.com/example-university/workshop"])]
    branch: Branch | None = None
    folder: LinkName | None = None

    @property
    def name(self) -> str:
        """Return the name of the folder with the user's copy of the repository."""
        return self.folder or self.url.rsplit("/", 1)[-1].removesuffix(".git")


class Ipyparallel(Row):
    """Declare the keys of `ipyparallel`: the Slurm job in which the engines of ipyparallel run.
    Memory and CPUs are for each engine.
    """

    partition: Annotated[Partition, Field(examples=["compute"])]
    memory: Annotated[Memory, Field(examples=["2G"])]
    cpus: Annotated[Count, Field(ge=1, le=4096)] = 1
    time: Annotated[Time, Field(examples=["2:00:00"])]


class Server(Row):
    """Declare the keys of the section `server`: the settings that are the same for the servers of
    all tiers.

    Compute nodes must accept connections from the hub at the ports `port_range`. The file browser
    of JupyterLab shows the folder `root`, which contains the symbolic links `links`.
    """

    interfaces: Annotated[dict[Title, UrlPath], Field(min_length=1)] = {"JupyterLab": "/lab"}  # noqa: RUF012
    port_range: PortRange = (20000, 29999)
    named: Annotated[Count, Field(ge=0, le=100)] = 0
    root: HomePath | None = None
    links: dict[LinkName, HomePath] = {}  # noqa: RUF012
    root_read_only: bool = False
    user_variables: tuple[UserVariable, ...] = ()
    umask: FileMask = "0022"
    start: Literal["direct", "image", "cache"] = "direct"
    start_folder: AbsolutePath = Path("/tmp")  # noqa: S108  (start_server.sh makes a private folder in it)
    repository: RepositoryCopy | None = None
    git_pull: tuple[Repositories, ...] = ("https://github.com", "https://gitlab.com")
    containers: Containers | None = None
    images: tuple[Image, ...] = ()
    ipyparallel: Ipyparallel | None = None
    applications: tuple[Application, ...] = ()

    @model_validator(mode="after")
    def _links_have_a_folder(self) -> Server:
        """Refuse links if `root` is not a separate folder, and refuse a read-only `root` without
        links."""
        if self.links and not self.folder.startswith("~/"):
            raise Unfit(
                f"the links would be put into {self.root}, among other files",
                "leave root out, or name a separate folder in the user's home for the links, like ~/.jupyterhub-tree",
                "root",
            )
        if self.root_read_only and not self.links:
            raise Unfit(
                "there are no links, and users could save nothing",
                "add links, or leave it out",
                "root_read_only",
            )
        return self

    @model_validator(mode="after")
    def _repository_has_a_place(self) -> Server:
        """Refuse a repository if users cannot write to the folder in which the copy would be, or if
        a link already has the name of the copy.
        """
        if self.repository is None:
            return self
        if self.repository.name in self.links:
            raise Unfit(
                f"'{self.repository.name}' is already the name of a link",
                "give the copy another name with folder",
                *("repository", "folder"),
            )
        if self.root_read_only or not self.folder.startswith("~"):
            raise Unfit(
                f"users cannot write to {self.folder}, in which the copy would be",
                "leave out root and root_read_only, or the repository",
                "repository",
            )
        return self

    @model_validator(mode="after")
    def _images_fit(self) -> Server:
        """Refuse container images if the site has no container engine. Refuse also two images with
        the same key, and two applications with the same key.
        """
        faults = list(image_faults(self.containers, self.images))
        if faults := [*faults, *application_faults(self.applications)]:
            raise Unfits(faults)
        return self

    @property
    def folder(self) -> str:
        """Return the folder that the file browser of JupyterLab shows.

        The default folder is the home directory. If the site has links, the default folder is a
        separate folder in the home directory.
        """
        return self.root or ("~/.jupyterhub-tree" if self.links else "~")
