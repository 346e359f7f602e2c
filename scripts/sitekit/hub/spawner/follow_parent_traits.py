"""Give the child spawner the values of all traits (settings) that its parent also has, at once and
after each change.

wrapspawner creates one directional_link for each of about 75 traits. Even without links, a copy of
all values would compute, check and store the default values of all traits twice for each server.
When a hub with a thousand servers restarted, these copies took a sixth of the hub's CPU time. A
server that runs already uses only a few of the values. Therefore, the child reads a default value
from its parent only when the value is used.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from traitlets import HasTraits


@cache
def common_traits(parent: type[HasTraits], child: type[HasTraits]) -> frozenset[str]:
    """Return the names of the traits that objects of both classes have."""
    return frozenset(parent.class_trait_names()) & frozenset(child.class_trait_names())


class FollowingTraits(HasTraits):
    """Add to a child spawner the methods that take values from its parent."""

    _followed: frozenset[str] = frozenset()
    _leader: HasTraits | None = None

    def follow(self, leader: HasTraits, own: frozenset[str]) -> None:
        """Take the values of all common traits except `own` from the parent `leader`, at once and
        after each change.

        A default value that this object has not yet computed is read from `leader` when the value
        is first used (trait_defaults).
        """
        self._leader = leader
        classes: list[Any] = [type(leader), type(self)]
        self._followed = common_traits(*classes) - own
        for name in self._followed:
            if self.trait_has_value(name):
                value = getattr(leader, name)
                if value is not getattr(self, name):
                    setattr(self, name, value)
        # one observer for all traits, because traitlets stores each name's observers separately
        leader.observe(self._take_over)

    def unfollow(self) -> None:
        """Stop copying changes of the parent's values. If follow() stayed in effect, the former
        parent would keep this object in memory."""
        if self._leader is not None:
            self._leader.unobserve(self._take_over)

    def trait_defaults(self, *names: str, **metadata: Any) -> Any:
        """Return the default value of a trait. For a trait that is followed, this is the leader's
        value.

        traitlets calls this method when a trait without a value is read (TraitType.get).
        """
        if len(names) == 1 and not metadata and names[0] in self._followed:
            return getattr(self._leader, names[0])
        return super().trait_defaults(*names, **metadata)

    def _take_over(self, change: Any) -> None:
        if change["name"] in self._followed:
            setattr(self, change["name"], change["new"])
