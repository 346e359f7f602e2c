"""What tests in here may ask for besides pure functions."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import hypothesis
import kernel_site
import pytest
from tests.packages import install

from sitekit.machine.render import rendered_files

# A busy machine is not a fault of the code. Each run tries the same examples, so that a rare fault
# is found by who looks for it (--hypothesis-profile=default), and not by a run about other changes.
hypothesis.settings.register_profile("sitekit", deadline=None, derandomize=True)
hypothesis.settings.load_profile("sitekit")


@pytest.fixture(scope="session", autouse=True)
def no_local_d() -> Iterator[None]:
    """The checkout's config/local.d is read by nothing here: tests of the demo write to it
    meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendered_files, "LOCAL_D", "config/local.d of nobody")
        yield


@pytest.fixture(scope="session")
def logrotate() -> None:
    """The program, which `make demo` does not bring. Root installs it."""
    if shutil.which("logrotate", path="/usr/sbin:/usr/bin") is None:
        if os.geteuid() != 0:
            pytest.skip("logrotate is not installed, and installing it needs root")
        install("logrotate")


@pytest.fixture(scope="session")
def hub_environment(request: pytest.FixtureRequest) -> None:
    """A release to start kernels with: the one that is there, else that of the demo, which root can
    make."""
    why = kernel_site.missing()
    if why is not None and os.geteuid() == 0 and "SITEKIT_TEST_RELEASE" not in os.environ:
        request.getfixturevalue("demo")
        why = kernel_site.missing()
    if why is not None:
        pytest.skip(f"kernels cannot be started: {why}")
