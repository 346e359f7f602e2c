"""Test which files and databases another account can use. The test runs a small program under this
account, and parses the output of this program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...base.errors import Problem
from ...base.run_program import Argv, CommandFailed, run

PYTHON = Path("/usr/bin/python3")
_PROGRAM = Path(__file__).parent / "inside" / "look_as_account.py"
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


def look_as(account: str | None, request: dict[str, Any], seconds: float = 8) -> dict[str, Any]:
    """Run look_as_account.py as `account`, and return the answer of this program.

    If `account` is None, the program runs under the current account. The program is passed to
    Python as text, because the account may not be able to read the checkout. Raises Problem if the
    program prints no answer.
    """
    argv: Argv = [PYTHON, "-I", "-c", _PROGRAM.read_text()]
    try:
        done = run(
            argv,
            stdin=json.dumps(request),
            env=_ENVIRONMENT,
            cwd=Path("/"),
            user=account,
            timeout=seconds,
            check=False,
        )
    except CommandFailed as failed:
        late = "did not end" in failed.what
        why = f"did not answer within {seconds:g} s" if late else "could not be started"
        raise Problem(f"a program that looked as {account} {why}") from None
    except KeyError:
        raise Problem(f"there is no account {account}") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise Problem(f"a program that looked as {account} printed: {last}") from None
    return answer if isinstance(answer, dict) else {}
