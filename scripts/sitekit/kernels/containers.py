"""How an engine starts a program inside an image: the words before the program, for each engine that we know."""

from __future__ import annotations

from .rules import CONNECTION, Rule

PROGRAMS = {"python": "python3", "R": "R"}

_SERVICE = ("run", "--rm", "--interactive", "--network=host")
# Words to start anything with, and those that only a kernel needs: its connection file may lie where the engine mounts
# nothing by itself. Docker and podman mount nothing at all. {home}, {uid} and {gid} are the user's, for the launcher.
_SERVED = (f"--volume={CONNECTION}:{CONNECTION}:ro", "--volume={home}:{home}", "--workdir={home}", "--env=HOME={home}")
_WORDS = {
    "apptainer": (("exec",), ("--bind", CONNECTION)),
    "singularity": (("exec",), ("--bind", CONNECTION)),
    "docker": (_SERVICE, ("--user={uid}:{gid}", *_SERVED)),
    "podman": (_SERVICE, ("--userns=keep-id", *_SERVED)),
}


def words(rule: Rule, kernel: bool = True) -> tuple[str, ...]:
    """The engine and its words, the site's options, the image. Without `kernel`: to look into the image only."""
    always, served = _WORDS[rule.engine]
    return (rule.engine, *always, *(served if kernel else ()), *rule.options, str(rule.image))
