"""Which node or partition an administrator means, and which is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from sitekit.base.data_files import data
from sitekit.base.errors import BadInput
from sitekit.hub.servers.check_drain_request import read_place, refuse_unknown_place
from sitekit.site import load_site

SITE = load_site(data("config/sites/demo.yml"))


class Nodes:
    def __init__(self, *names: str) -> None:
        self.names = names

    async def node_names(self) -> tuple[str, ...]:
        return self.names


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({}, "body"),
        ({"node": "n1", "partition": "p"}, "body"),
        ({"node": "n1,n2"}, "node"),
        ({"node": ["n1"]}, "node"),
        ({"partition": "p\n"}, "partition"),
        ({"partition": ""}, "partition"),
    ],
)
def test_what_is_no_place_is_refused_by_its_key(given: dict[str, Any], where: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_place(given, "body")
    assert refused.value.where == where and refused.value.remedy


def test_a_place_is_one_that_servers_use() -> None:
    backends: Any = [Nodes("n1"), Nodes(), Nodes("n2")]
    partition = SITE.tiers[0].partitions[0]
    assert read_place({"node": "n2", "text": "x"}, "body") == ("node", "n2")
    for kind, name in (("node", "n2"), ("partition", partition)):
        asyncio.run(refuse_unknown_place(SITE, backends, kind, name, "body"))
    for kind, name in (("node", "n3"), ("partition", "n1"), ("node", partition)):
        with pytest.raises(BadInput, match=f"no {kind} {name} of this site"):
            asyncio.run(refuse_unknown_place(SITE, backends, kind, name, "body"))
