"""Run the gate once for each request, each time in a new process, but start Python only once.

The argument is the path of the gate. Standard input has the requests, and standard output gets exit
code, output and errors of each, as lists in JSON with the bytes in base64.
"""

import base64
import json
import os
import sys
import traceback
from contextlib import ExitStack
from tempfile import TemporaryFile


def main(gate: str) -> None:
    with open(gate, "rb") as file:
        code = compile(file.read(), gate, "exec")
    # modules are loaded and expressions compiled once, and not in each process
    exec(code, {"__name__": "gate", "__file__": gate})  # noqa: S102  (root's own program)
    requests = [base64.b64decode(one) for one in json.load(sys.stdin)]
    json.dump([run(code, gate, request) for request in requests], sys.stdout)


def run(code: object, gate: str, request: bytes) -> tuple[int, str, str]:
    with ExitStack() as stack:
        given, out, err = (stack.enter_context(TemporaryFile()) for _ in range(3))
        given.write(request)
        given.seek(0)
        if (child := os.fork()) == 0:
            for number, file in enumerate((given, out, err)):
                os.dup2(file.fileno(), number)
            os._exit(as_main(code, gate))
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status), written(out), written(err)


def written(file: object) -> str:
    file.seek(0)
    return base64.b64encode(file.read()).decode()


def as_main(code: object, gate: str) -> int:
    """Run the gate's code as Python runs a program, and return its exit code."""
    sys.argv = [gate]
    with (
        os.fdopen(0) as sys.stdin,
        os.fdopen(1, "w") as sys.stdout,
        os.fdopen(2, "w") as sys.stderr,
    ):
        try:
            exec(code, {"__name__": "__main__", "__file__": gate})  # noqa: S102
        except SystemExit as end:
            return end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
            return 1
    return 0


if __name__ == "__main__":
    main(sys.argv[1])
