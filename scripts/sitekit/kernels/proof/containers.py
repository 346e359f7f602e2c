"""Return the command line with which a container engine starts a program inside an image.

The engines are apptainer, singularity and docker.
"""

from __future__ import annotations

from ..discovery.rules import CONNECTION, SOCKETS, Rule

PROGRAMS = {"python": "python3", "R": "R"}

# With --init, a SIGTERM to docker's client ends the container. Without --init, Python would be
# process 1 and would ignore the signal.
_DOCKER = ("run", "--rm", "--init", "--interactive", "--network=host")
# A docker container has only those files and variables of the host that the command line names.
# The launcher replaces {home}, {uid} and {gid}.
_SHOWN = (
    "--user={uid}:{gid}", f"--volume={CONNECTION}:{CONNECTION}:ro", f"--volume={SOCKETS}:{SOCKETS}",
    "--volume={home}:{home}", "--workdir={home}", "--env=HOME={home}",
    "--env=PYTHONNOUSERSITE", "--env=R_PROFILE_USER", "--env=R_ENVIRON_USER",
)  # fmt: skip


def words(rule: Rule, kernel: bool = True) -> tuple[str, ...]:
    """Return the engine, its arguments, the site's options and the image.

    If `kernel` is false, the command line only inspects the image. The arguments that a kernel
    needs are then left out.
    """
    always: tuple[str, ...]
    served: tuple[str, ...]
    if rule.engine == "docker":
        always, served = _DOCKER, (*_SHOWN, *(f"--env={name}" for name in rule.environment))
    else:
        # The connection file and the sockets may be in a folder that the engine does not bind by
        # default.
        always, served = ("exec",), ("--bind", CONNECTION, "--bind", SOCKETS)
    return (rule.engine, *always, *(served if kernel else ()), *rule.options, str(rule.image))
