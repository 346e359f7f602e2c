"""Run an image of Docker as the local gate runs it, for the tests of `make images_check`."""

from __future__ import annotations

import base64
import json
import os
import pwd
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ...base.run_program import CommandFailed, run
from ...contracts.fake_hub_for_trials import trial_environment
from ...session.containers.container import START
from ...session.containers.container_environment import SENT
from ...session.containers.settings_in_container import INSIDE
from ...site import Site
from ...site.sections.docker import DockerImage
from .check_image_files import Unproven
from .trial import PATH, RUN_TIMEOUT, Trial


def find_image(site: Site, image: DockerImage) -> str:
    """Return the Id of the image that has this name in Docker. Raises Unproven if Docker has no
    such image, or if the site's `digest` differs from the Id."""
    try:
        words = ["image", "inspect", "--format", "{{.Id}}", image.name]
        number = run([*site.docker.command, *words], timeout=RUN_TIMEOUT).stdout.strip()
    except CommandFailed as failed:
        why = failed.output.strip()[-300:]
        raise Unproven(f"Docker has no image {image.name}; build or load it: {why}") from None
    if image.digest and number != image.digest:
        raise Unproven(
            f"the image {image.name} has the Id {number}, not that of the site file; "
            "load the right image, or correct digest"
        )
    return number


@dataclass(frozen=True)
class DockerTrial(Trial):
    """Hold the settings for the test of a Docker image. The key `name` of `image` is the image's
    Id.

    `words` is the command line of the docker program up to the image's name, without the
    container's name.
    """

    words: tuple[str, ...] = ()

    @contextmanager
    def within(self, site: Site) -> Iterator[DockerTrial]:
        """Yield the trial, with the docker command line added. After the `with` block, remove all
        containers of the trial."""
        label = f"sitekit.trial={secrets.token_hex(8)}"
        home, account = self.scratch / "home", pwd.getpwnam(self.name)
        known = self.scratch / "passwd"
        line = f"{self.name}:x:{account.pw_uid}:{account.pw_gid}::{home}:/bin/sh\n"
        known.write_text(f"root:x:0:0::/root:/bin/sh\n{line}")
        shows = {home: (home, ""), self.shown: (INSIDE, ",readonly")}
        shows[known] = ("/etc/passwd", ",readonly")
        words = [*site.docker.command, "run", "--rm", "--init", "--pull=never", f"--label={label}"]
        words += ["--interactive", f"--user={account.pw_uid}:{account.pw_gid}", "--cap-drop=ALL"]
        words += ["--security-opt=no-new-privileges", "--tmpfs=/tmp:mode=1777", f"--workdir={home}"]
        words += [
            f"--mount=type=bind,source={source},target={place}{how}"
            for source, (place, how) in shows.items()
        ]
        words += [f"--env={SENT}", f"--entrypoint={self.image['python']}"]
        fields = {name: getattr(self, name) for name in Trial.__dataclass_fields__}
        try:
            yield DockerTrial(**fields, words=tuple(words))
        finally:
            listed = run(
                [*site.docker.command, "ps", "--all", "--quiet", f"--filter=label={label}"]
            )
            if left := listed.stdout.split():
                run([*site.docker.command, "rm", "--force", *left], timeout=RUN_TIMEOUT)

    def inside(self, program: str, stdin: str = "", timeout: float = RUN_TIMEOUT) -> str:
        home = str(self.scratch / "home")
        variables = _sent({"HOME": home, "USER": self.name, "LANG": "C.UTF-8"})
        argv = [*self.words, "--network=none", self.image["name"], "-I", "-B", "-c", program]
        try:
            return run(argv, env=variables, stdin=stdin, timeout=timeout).stdout
        except CommandFailed as failed:
            said = " | ".join(failed.output.strip().splitlines()[-4:])
            raise Unproven(f"its Python {self.image['python']} does not run: {said}") from None

    def server(self, hub: int) -> tuple[list[str], dict[str, str], str | None]:
        """Return the command line of a server and its environment variables. The third value is
        None, because the docker program runs as the account of this process. `hub` is the port of
        the trial's hub.

        The container uses the network of this host, because the trial's hub listens there.
        """
        job = trial_environment(hub, str(self.scratch / "home"), self.settings, self.name)
        name = self.image["name"]
        return [*self.words, "--network=host", name, "-I", "-B", START], _sent(job), None


def _sent(job: dict[str, str]) -> dict[str, str]:
    """Return the environment variables of the docker program. One variable in the environment of
    the docker program contains all variables of the server."""
    sent = base64.b64encode(json.dumps({**job, "LANG": "C.UTF-8"}).encode()).decode()
    return {SENT: sent, "PATH": PATH, "HOME": os.environ.get("HOME", "/root")}
