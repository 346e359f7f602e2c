"""Build the command line that starts a program in a container image, for each engine."""

from __future__ import annotations

from ..discovery.rules import CONNECTION, SOCKETS, Rule

PROGRAMS = {"python": "python3", "R": "R"}

# With --init the container ends when docker's client gets SIGTERM. Without --init, Python would be
# process 1, which ignores SIGTERM.
_DOCKER = ("run", "--rm", "--init", "--interactive", "--network=host")
# A Docker container can read only these folders of the host. The launch program replaces {home},
# {uid} and {gid} by their values.
_SHOWN = (
    "--user={uid}:{gid}", f"--volume={CONNECTION}:{CONNECTION}:ro", f"--volume={SOCKETS}:{SOCKETS}",
    "--volume={home}:{home}", "--workdir={home}", "--env=HOME={home}",
    "--env=PYTHONNOUSERSITE", "--env=R_PROFILE_USER", "--env=R_ENVIRON_USER",
)  # fmt: skip


def words(rule: Rule, kernel: bool = True) -> tuple[str, ...]:
    """Return the beginning of the command line that starts a program in an image: engine, options,
    the site's options, and image.

    The caller adds the command line of the program. `kernel` is false if the command starts no
    kernel, but only inspects the image.
    """
    always: tuple[str, ...]
    served: tuple[str, ...]
    if rule.engine == "docker":
        always, served = _DOCKER, (*_SHOWN, *(f"--env={name}" for name in rule.environment))
    else:
        # Mount both folders in the container. At some sites, the engine does not mount these
        # folders by itself.
        always, served = ("exec",), ("--bind", CONNECTION, "--bind", SOCKETS)
    return (rule.engine, *always, *(served if kernel else ()), *rule.options, str(rule.image))
