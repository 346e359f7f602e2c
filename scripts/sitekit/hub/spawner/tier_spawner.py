"""TierSpawner: wrapspawner's ProfilesSpawner, its profiles made of the site's tiers, its openings
closed.

Whatever is not a tier of this site is refused (wrapspawner takes an unknown profile for none and
starts its default child, a process on the hub), and no child but a Server can be built. The tier's
backend says which class of Server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from jupyterhub.spawner import Spawner, SpawnException
from sqlalchemy.orm import object_session
from traitlets import Type, default, directional_link
from wrapspawner import ProfilesSpawner

from ...backends.choice import Choice
from ...backends.named import named
from ..messages.form import tier_form
from ..servers.choices import BadChoice, Standing, from_form, read_choice, remembered
from ..servers.hub_state import Life
from .adopt import adopted_url
from .directory import groups_of
from .server import Server

DEFAULT = "slurm"  # the backend of a server whose row is no longer in the ledger
SUBMITTING = 90  # seconds that the gate may take, at the very most, before a server begins to wait


class NotOffered(SpawnException):
    """Options that are refused. JupyterHub shows str() of an exception without a jupyterhub_message
    (utils.py)."""

    def __init__(self, why: str) -> None:
        super().__init__(why, reason="options")
        self.jupyterhub_message = why[:1].upper() + why[1:] + "."


class TierSpawner(ProfilesSpawner):
    """One user's server under one name. `life` is set by configure()."""

    life: Life
    choice: Choice | None = None
    _backend = DEFAULT  # of the tier that was chosen, or of the server that runs
    typed: dict[str, str] = {}  # noqa: RUF012  (replaced, never changed)
    child_spawner: Server | None
    child_class = Type(Server, Server)  # any other class is refused by the trait itself

    @default("profiles")
    def _tiers_as_profiles(self) -> list[tuple[str, str, type[Spawner], dict[str, Any]]]:
        return [
            (tier.title, tier.key, self._class_for(tier.runs_on), {})
            for tier in self.life.site.tiers
        ]

    def _class_for(self, backend: str) -> type[Server]:
        """The class of servers on a backend."""
        return cast(type[Server], named(self.life.backends[backend].spawner))

    # --- the choice ------------------------------------------------------------------------------------------

    async def get_options_form(self) -> str:
        """The tiers with what each gives. Waits for Slurm two seconds at most, and only if a tier
        asks for names."""
        asked = self.handler.get_query_argument("tier", "") if self.handler else ""
        typed, self.typed = self.typed, {}
        last = typed or (self.orm_spawner.user_options or {} if self.orm_spawner else {})
        return tier_form(self.life, self.user.name, self.name, await self.standing(), asked, last)

    async def standing(self) -> Standing:
        """What this user is to the cluster: groups, and what the backends offer the account."""
        user = self.user.name
        offers = await self.life.offers(user)
        return Standing(
            await groups_of(self.life.account_of(user)), offers.accounts, offers.reservations
        )

    def options_from_form(self, form_data: dict[str, list[Any]]) -> dict[str, Any]:
        """JupyterHub shows the form again, with the default server's spawner, where the options are
        refused or the start fails (handlers/pages.py, _post): what was typed is to be in it."""
        options = from_form(form_data)
        fields = {
            key: value for key, value in options.items() if isinstance(value, str) and key != "tier"
        }
        self.user.spawner.typed = {**fields, "profile": str(options.get("tier", ""))}
        return options

    async def take_options(self, options: object) -> None:
        """Check the options, whichever way they came, before anything else happens. Raises
        SpawnException (400)."""
        standing = await self.standing()
        try:
            self.choice, kept = read_choice(self.life.site, options, standing)
        except BadChoice as bad:
            # JupyterHub has stored the options before it asks what they are worth
            before = self.life.ledger.last_choice(self.user.name, self.name)
            self.orm_spawner.user_options = remembered(self.life.site, before, standing)
            object_session(self.orm_spawner).commit()
            raise NotOffered(str(bad)) from None
        self.user_options = self.orm_spawner.user_options = kept
        self.user.spawner.typed = {}
        self.default_url = self.life.site.server.interfaces[self.choice.interface]
        # JupyterHub's own limit says nothing to the user; the child, whose limit is the tier's,
        # ends first and says why
        self.start_timeout = self.life.site.tier(self.choice.tier).start_timeout + SUBMITTING

    # --- the child -------------------------------------------------------------------------------------------

    def select_profile(self, profile: str) -> None:
        """A profile decides nothing here; the choice does. wrapspawner keeps the previous child for
        an unknown one."""

    def construct_child(self) -> Server:
        """The child, with what released wrapspawner forgets to hand on: orm_spawner and cookie
        options, without which a named server gets the address and the cookies of the default one
        (wrapspawner#26, fixed in master only)."""
        if self.child_spawner is None:
            self.child_class = self._class_for(self._backend)
            child = self.child_class(
                user=self.user,
                hub=self.hub,
                authenticator=self.authenticator,
                oauth_client_id=self.oauth_client_id,
                orm_spawner=self.orm_spawner,
                config=self.config,
                cookie_options=self.cookie_options,
                cookie_host_prefix_enabled=self.cookie_host_prefix_enabled,
            )
            child.backend_name = self._backend
            child.persist = self._persist
            own = {"orm_spawner", "user_options", "child_spawner", "start_timeout", "ip", "port"}
            own |= {"mem_limit", "mem_guarantee", "cpu_guarantee"}
            own |= {"db"}  # to read it makes JupyterHub warn of its end
            for trait in (set(self.trait_names()) & set(child.trait_names())) - own:
                directional_link((self, trait), (child, trait))
            self.child_spawner = child
        return self.child_spawner

    def _persist(self) -> None:
        """Write the state to the database now, not after start() as JupyterHub does (user.py,
        spawn)."""
        self.orm_spawner.state = self.get_state()
        object_session(self.orm_spawner).commit()

    # --- state: the tag is all that is needed; tiers may change while servers run ----------------------------------

    def get_state(self) -> dict[str, Any]:
        state = Spawner.get_state(self)
        if self.child_spawner and self.child_spawner.tag:
            state["child_state"] = self.child_spawner.get_state()
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        Spawner.load_state(self, state)
        if child_state := state.get("child_state"):
            row = self.life.ledger.row(child_state.get("tag", ""))
            self._backend = row.backend if row else DEFAULT
            self.construct_child().load_state(child_state)

    def clear_state(self) -> None:
        Spawner.clear_state(self)
        self.child_spawner = None

    # --- start, poll, stop -----------------------------------------------------------------------------------

    async def start(self) -> str:
        # only reachable past JupyterHub's own order of calls; then fail closed
        if self.choice is None:
            raise SpawnException("no tier was chosen", reason="options")
        tier = self.life.site.tier(self.choice.tier)
        self._backend = tier.runs_on
        child = self.construct_child()
        child.choice = self.choice
        child.start_timeout = tier.start_timeout
        return await child.start()

    @property
    def pending(self) -> str | None:
        """A server that says that it ends counts as stopping: it has no route any more, and gets
        none (proxy.py, check_routes)."""
        return super().pending or (
            "stop" if self.child_spawner and self.child_spawner.leaving else None
        )

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Begins before the child is there: Slurm and the directory are asked first, and may take
        seconds."""
        if self.child_spawner is None:
            yield {"progress": 2, "message": "Asking what you may have on this cluster."}
        while self.child_spawner is None:  # JupyterHub ends this together with the start
            await asyncio.sleep(0.2)
        async for event in self.child_spawner.progress():
            yield event

    async def get_url(self) -> str:
        """JupyterHub calls this when it starts and finds this server in its database."""
        return await adopted_url(self)


def told_at_the_end(spawner: TierSpawner, event: dict[str, Any]) -> dict[str, Any]:
    """The last event of the progress page. To JupyterHub a start that was cancelled is ready until
    its stop begins (apihandlers/users.py, SpawnProgressAPIHandler)."""
    child = spawner.child_spawner
    row = child.life.ledger.row(child.tag) if child else None
    if row is None or row.abandoned or row.ended or not row.port:
        return {"progress": 100, "failed": True, "message": "The start was cancelled."}
    return event
