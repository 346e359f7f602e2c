"""Run in a job, in the release's Python: jupyter_kernel_test on one kernel, started as a session
starts it.

Arguments: the kernel's name, its language, what the gate tells a session (JSON), modules to load
first. Prints, as JSON, what became of each test: "passed", "skipped: why", or the last line of its
traceback.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import unittest
from queue import Empty
from typing import Any, ClassVar

from jupyter_client import BlockingKernelClient
from jupyter_kernel_test import KernelTests

from sitekit.session.kernels.kernel_sockets import Kernel, Specs
from sitekit.session.modules import store_loaded_modules
from sitekit.session.modules.lmod_output import applied, changes
from sitekit.session.single_user import clean_environment, make_runtime_folder

SAMPLES: dict[str, dict[str, Any]] = {
    "python": {
        "language_name": "python",
        "file_extension": ".py",
        "code_hello_world": "print('hello, world')",
        "code_stderr": "import sys; print('oh', file=sys.stderr)",
        "completion_samples": [{"text": "zi", "matches": {"zip"}}, {"text": "import.no_such"}],
        "complete_code_samples": ["1", "print('hello, world')", "def f(x):\n  return x*2\n\n\n"],
        "incomplete_code_samples": ["print('''hello", "def f(x):\n  x*2"],
        "invalid_code_samples": ["import = 7q"],
        "code_page_something": "zip?",
        "code_generate_error": "raise ValueError('oh')",
        "code_execute_result": [{"code": "1+2+3", "result": "6"}, {"code": "[n for n in (1, 2)]", "result": "[1, 2]"}],
        "code_display_data": [{"code": "from IPython.display import *; display(HTML('hi'))", "mime": "text/html"}],
        "supported_history_operations": ("tail", "range", "search"),
        "code_history_pattern": "1?2*",
        "code_inspect_sample": "zip",
        "code_clear_output": "from IPython.display import clear_output; clear_output()",
    },
    "R": {
        "language_name": "R",
        "file_extension": ".r",
        "code_hello_world": 'cat("hello, world\\n")',
        "code_stderr": 'message("oh")',
        "completion_samples": [{"text": "data.fram", "matches": {"data.frame"}}],
        "complete_code_samples": ["1", 'print("hello, world")', "f <- function(x) {\n  x*2\n}"],
        "incomplete_code_samples": ['print("hello', "f <- function(x) {\n  x*2"],
        "invalid_code_samples": ["1 + * 2"],
        "code_page_something": "?cat",
        "code_generate_error": 'stop("oh")',
        "code_execute_result": [{"code": "1+2+3", "result": "[1] 6"}],
        "code_display_data": [{"code": "plot(1:3)", "mime": "image/png"}],
        "code_inspect_sample": "data.frame",
    },
}  # fmt: skip


class Told(unittest.TestResult):
    """What became of each test by its name, and of each part of one."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, str] = {}

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.said[_name(test)] = "passed"

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self.said[_name(test)] = f"skipped: {reason}"

    def addFailure(self, test: unittest.TestCase, error: Any) -> None:
        self.said[_name(test)] = self._exc_info_to_string(error, test).strip().splitlines()[-1]

    addError = addFailure

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, error: Any) -> None:
        if error is None:
            self.addSuccess(subtest)
        else:
            self.addFailure(subtest, error)


def _name(test: unittest.TestCase) -> str:
    """`test_history`, or `test_history (hist_access_type='range')` for a part of it."""
    whole, _, part = test.id().partition(" ")
    return " ".join(filter(None, (whole.rsplit(".", 1)[-1], part)))


def tests_of(name: str, language: str) -> type[KernelTests]:
    """A user's server starts the kernel by this very class, and speaks to it over these sockets."""

    class Tests(KernelTests):
        loop: ClassVar[asyncio.AbstractEventLoop] = asyncio.new_event_loop()

        @classmethod
        def setUpClass(cls) -> None:
            cls.km = Kernel(kernel_name=name, kernel_spec_manager=Specs())
            cls.loop.run_until_complete(cls.km.start_kernel())
            cls.kc = BlockingKernelClient()
            cls.kc.load_connection_info(cls.km.get_connection_info())
            assert cls.kc.transport == "ipc", cls.kc.transport
            cls.kc.start_channels(hb=False)
            until_heard(cls.kc)

        @classmethod
        def tearDownClass(cls) -> None:
            cls.kc.stop_channels()
            cls.loop.run_until_complete(cls.km.shutdown_kernel())

    for key, value in SAMPLES[language].items():
        setattr(Tests, key, value)
    return Tests


def until_heard(client: BlockingKernelClient) -> None:
    """Until the kernel answers and what it publishes comes through. wait_for_ready() would take a
    kernel for dead whose heart does not beat within a second of its start."""
    for _ in range(60):
        request = client.kernel_info()
        with contextlib.suppress(Empty):
            client.get_shell_msg(timeout=1)
            while client.get_iopub_msg(timeout=1)["parent_header"].get("msg_id") != request:
                # a welcome, which jupyter_kernel_test does not know, or an answer to an earlier
                # request
                pass
            return
    raise TimeoutError("the kernel does not answer")


def main(name: str, language: str, settings: str, *loaded: str) -> None:
    told = json.loads(settings)
    clean_environment(told, os.environ["SLURM_JOB_ID"])
    os.environ["JUPYTER_RUNTIME_DIR"] = make_runtime_folder("jupyter-test-")
    if loaded:  # in the Software Modules tab
        load = subprocess.run(
            [os.environ["LMOD_CMD"], "python", "load", *loaded], check=True, capture_output=True
        )
        store_loaded_modules.write_loaded_modules(applied(changes(load.stdout), os.environ))
    result = Told()
    try:
        unittest.defaultTestLoader.loadTestsFromTestCase(tests_of(name, language)).run(result)
    finally:
        shutil.rmtree(os.environ["JUPYTER_RUNTIME_DIR"])
    print(json.dumps(result.said))


if __name__ == "__main__":
    main(*sys.argv[1:])
