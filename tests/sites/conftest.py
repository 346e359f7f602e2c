"""This host as the cluster, and the network of the hub's machine, for all sites."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import Demo
from ..faults.machine import Machine
from ..packages import install
from .cluster import large_nodes
from .network import network


@pytest.fixture(scope="package")
def cluster(demo: Demo) -> Iterator[Machine]:
    """The demo's Slurm with nodes and partitions as the sites have them, and the cable to the hub."""
    install("openssh-server", "openssh-client", "nginx-light")
    machine = Machine(demo.site)
    with large_nodes(machine), network():
        yield machine


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder of root's that the hub's account can read: the services have a /tmp of their own."""
    made = Path(tempfile.mkdtemp(dir="/var/lib", prefix="sitekit-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)
