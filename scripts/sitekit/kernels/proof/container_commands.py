"""How an engine starts a program inside an image: the words before the program, for each engine
that we know."""

from __future__ import annotations

from ..discovery.rules import CONNECTION, SOCKETS, Rule

PROGRAMS = {"python": "python3", "R": "R"}

# With --init the container ends when docker's client is told to; a Python that is process 1 would
# not heed that.
_DOCKER = ("run", "--rm", "--init", "--interactive", "--network=host")
# Docker shows a container nothing of the host but what is named. {home}, {uid} and {gid} are the
# launcher's to fill in.
_SHOWN = (
    "--user={uid}:{gid}", f"--volume={CONNECTION}:{CONNECTION}:ro", f"--volume={SOCKETS}:{SOCKETS}",
    "--volume={home}:{home}", "--workdir={home}", "--env=HOME={home}",
    "--env=PYTHONNOUSERSITE", "--env=R_PROFILE_USER", "--env=R_ENVIRON_USER",
)  # fmt: skip


def words(rule: Rule, kernel: bool = True) -> tuple[str, ...]:
    """The engine and its words, the site's options, the image. Without `kernel`: to look into the
    image only."""
    always: tuple[str, ...]
    served: tuple[str, ...]
    if rule.engine == "docker":
        always, served = _DOCKER, (*_SHOWN, *(f"--env={name}" for name in rule.environment))
    else:
        # they may lie where the engine binds nothing by itself
        always, served = ("exec",), ("--bind", CONNECTION, "--bind", SOCKETS)
    return (rule.engine, *always, *(served if kernel else ()), *rule.options, str(rule.image))
