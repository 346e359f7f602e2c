"""Detect modules that run shell commands when a shell loads them.

The launch program starts a kernel without a shell. Therefore such commands would not run in a
kernel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .import_launch_program import launcher

# The environment variables that a shell sets by itself, and the prefixes of the variables of Lmod
# and bash.
_ITS_OWN = ("_", "SHLVL", "PWD", "OLDPWD")
_RECORDS = ("_ModuleTable", "__LMOD", "LMOD_", "BASH_")
_FAILED = "SITEKIT_FAILED_COMMAND"
# In the output of this script, the output of the module's commands comes before the first NUL
# character.
_SCRIPT = "trap 'export {failed}=\"$BASH_COMMAND\"' ERR\n{load}\ntrap - ERR\nprintf '\\0'\nexec /usr/bin/env -0\n"


def needed(
    kernel: Mapping[str, Any],
    before: Mapping[str, str],
    after: Mapping[str, str],
    run: Callable[..., Any],
) -> str | None:
    """Return the reason if the kernel's modules must be loaded in a shell. If no shell is needed,
    return None.

    `before` and `after` are the environment variables before and after the modules were loaded
    without a shell. For comparison, the modules are loaded again in bash. Raises CannotStart if
    Lmod does not answer.
    """
    if not kernel["modules"]:
        return None
    script = launcher().lmod(kernel, before, "bash", run).stdout.decode(errors="surrogateescape")
    # Lmod adds this line if a module has printed a warning
    script = re.sub(r"^false;?\s*\Z", "", script, flags=re.MULTILINE)
    words = [
        "/bin/bash",
        "--noprofile",
        "--norc",
        "-c",
        _SCRIPT.format(failed=_FAILED, load=script),
    ]
    done = run(words, env=before, capture_output=True, timeout=launcher().LOAD_SECONDS)
    shown = done.stdout.decode(errors="surrogateescape").split("\0")[1:-1]
    if not shown:
        return "its modules run commands that end the shell they are loaded in; a kernel is started without a shell"
    return _difference(
        _counted(dict(variable.split("=", 1) for variable in shown)), _counted(after)
    )


def _counted(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that are compared: all except Lmod's own and the shell's own
    variables."""
    return {
        k: v for k, v in environment.items() if k not in _ITS_OWN and not k.startswith(_RECORDS)
    }


def _difference(shell: dict[str, str], without: dict[str, str]) -> str | None:
    """Compare the variables after a load in bash (`shell`) and after a load without a shell. Return
    a text with the differences. If there are no differences, return None."""
    if command := shell.pop(_FAILED, None):
        what = f"there, `{command}` fails"
    elif names := sorted(
        name for name in shell.keys() | without.keys() if shell.get(name) != without.get(name)
    ):
        what = f"there, they change {', '.join(names[:5])}"
    else:
        return None
    return (
        f"its modules give commands to a shell, and a kernel is started without one; {what}\n"
        "Name the environment itself in kernels.yml (conda or virtualenv), or the variables (environment)."
    )
