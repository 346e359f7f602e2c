"""Find modules that run commands in the shell that loads them.

The launcher starts a kernel without a shell. Such commands do not run, so the kernel would lack
their effects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .launcher import launcher

# These variables are not compared. The shell sets the first group, and Lmod keeps its own records
# in the second.
_ITS_OWN = ("_", "SHLVL", "PWD", "OLDPWD")
_RECORDS = ("_ModuleTable", "__LMOD", "LMOD_", "BASH_")
_FAILED = "SITEKIT_FAILED_COMMAND"
# The first NUL byte separates the output of the commands from the list of variables.
_SCRIPT = "trap 'export {failed}=\"$BASH_COMMAND\"' ERR\n{load}\ntrap - ERR\nprintf '\\0'\nexec /usr/bin/env -0\n"


def needed(
    kernel: Mapping[str, Any],
    before: Mapping[str, str],
    after: Mapping[str, str],
    run: Callable[..., Any],
) -> str | None:
    """Return the reason why the kernel's modules need a shell, None if they do not.

    `before` and `after` are the environments before and after the load without a shell. The modules
    are loaded again in bash, and the results are compared. Raises CannotStart if Lmod does not
    answer.
    """
    if not kernel["modules"]:
        return None
    load = launcher().lmod(kernel, before, "bash", run).stdout.decode(errors="surrogateescape")
    # If a module has printed a warning, Lmod ends its output with the command `false`.
    load = re.sub(r"^false;?\s*\Z", "", load, flags=re.MULTILINE)
    words = ["/bin/bash", "--noprofile", "--norc", "-c", _SCRIPT.format(failed=_FAILED, load=load)]
    done = run(words, env=before, capture_output=True, timeout=launcher().LOAD_SECONDS)
    shown = done.stdout.decode(errors="surrogateescape").split("\0")[1:-1]
    if not shown:
        return "its modules run commands that end the shell they are loaded in; a kernel is started without a shell"
    return _difference(
        _counted(dict(variable.split("=", 1) for variable in shown)), _counted(after)
    )


def _counted(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that are compared."""
    return {
        k: v for k, v in environment.items() if k not in _ITS_OWN and not k.startswith(_RECORDS)
    }


def _difference(shell: dict[str, str], without: dict[str, str]) -> str | None:
    """Return a message if a command failed in the shell or the variables differ, else None."""
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
