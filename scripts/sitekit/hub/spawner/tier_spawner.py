"""Define JupyterHub's spawner class, in which each tier of the site is a profile.

TierSpawner derives from wrapspawner's ProfilesSpawner. For an unknown profile, ProfilesSpawner
starts its default child, which is a process on the hub's host. TierSpawner refuses anything that is
not a tier of the site, and its child is always a Server. The tier's backend decides which class of
Server is used.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from jupyterhub.spawner import Spawner, SpawnException
from sqlalchemy.orm import object_session
from tornado import web
from traitlets import Type, default

from ...backends.load_backends import load_object
from ...backends.resource_choice import Choice
from ...base.language import gettext as _
from ..choices.check_choice import BadChoice, Eligibility, read_choice, tiers_for
from ..choices.form_values import (
    LINKED,
    FormValues,
    form_values_of,
    from_form,
    in_address,
    typed_in,
)
from ..ledger.record_saved_choices import created
from ..messages.form import Visit, tier_form
from ..messages.progress_text import FIRST
from ..servers.shared_objects import HubState
from ..servers.unix_accounts_of_users import NoAccount
from .adopt_servers import AdoptingSpawner
from .look_up_unix_accounts import groups_of
from .server_spawner import Server

SUBMITTING = 90  # seconds that the gate may need, in addition to the tier's start_timeout
OWN_OF_CHILD = frozenset(
    {"orm_spawner", "user_options", "child_spawner", "start_timeout", "ip", "port"}
    | {"mem_limit", "mem_guarantee", "cpu_guarantee"}
    | {"db"}  # JupyterHub logs that `db` is deprecated when it is read
)
"""The traits (settings) whose values the child spawner does not take from its parent."""


class NotOffered(SpawnException):
    """Report that the user's options are refused.

    JupyterHub shows str() of an exception that has no jupyterhub_message (utils.py).
    """

    def __init__(self, why: str) -> None:
        super().__init__(why, reason="options")
        self.jupyterhub_message = why[:1].upper() + why[1:] + "."


class TierSpawner(AdoptingSpawner):
    """Start and stop one server of one user. configure() in hub/configure.py sets the class
    attribute `hub_state`."""

    hub_state: HubState
    choice: Choice | None = None
    offered: frozenset[str] | None = None  # keys of the user's tiers, as read at the last start
    _backend = ""  # the name of the backend of the running server, or of the chosen tier
    # the values in the form that was submitted last, until the form is shown again
    typed: FormValues | None = None
    # the handler of the request for the form, because JupyterHub does not keep `handler`
    form_handler: Any = None
    child_class = Type(Server, Server)  # refuses every class that is not a Server

    @default("profiles")
    def _tiers_as_profiles(self) -> list[tuple[str, str, type[Spawner], dict[str, Any]]]:
        return [
            (tier.title, tier.key, self._class_for(tier.runs_on), {})
            for tier in self.hub_state.site.tiers
        ]

    def _class_for(self, backend: str) -> type[Server]:
        """Return the class that starts servers on this backend."""
        return cast(type[Server], load_object(self.hub_state.backends[backend].spawner))

    # --- the choice ------------------------------------------------------------------------------------------

    async def get_options_form(self) -> str:
        """Render the form with the tiers.

        The hub queries Slurm for names only if a tier needs them, and waits for at most two
        seconds. The hub queries Slurm for free resources at most once a minute.
        """
        handler, self.form_handler = self.form_handler or self.handler, None
        typed, self.user.spawner.typed = self.user.spawner.typed, None
        eligibility = await self.eligibility()
        visit = await self._visit(handler)
        if typed is None and handler:
            query = {key: handler.get_query_argument(key, "") for key in ("tier", *LINKED)}
            typed = in_address(query, self.hub_state.site, eligibility)
        row = self.user.orm_spawners.get(visit.server)
        last = (row.user_options if row else None) or {}
        return tier_form(self.hub_state, visit, eligibility, typed, last)

    async def _visit(self, handler: Any) -> Visit:
        """Return a Visit: who opened the form, for which server, and what is free on the nodes."""
        viewer = handler.current_user if handler else None
        backends = self.hub_state.backends.items()
        return Visit(
            user=self.user.name,
            server=str(getattr(handler, "form_server", self.name)),
            own=viewer is not None and viewer.name == self.user.name,
            since=created(self.user),
            names=tuple(sorted(name for name in self.user.orm_spawners if name)),
            may_name=self.hub_state.site.server.named > 0,
            after=handler.get_query_argument("next", "") if handler else "",
            base_url=self.hub.base_url,
            nodes={name: await backend.free_nodes() for name, backend in backends},
        )

    async def eligibility(self) -> Eligibility:
        """Return the user's groups, Slurm accounts, reservations and courses, and the drained
        nodes and partitions.

        Raises HTTPError (403) if the user has no account.
        """
        try:
            account = self.hub_state.account_of(self.user.name)
        except NoAccount as unknown:
            raise web.HTTPError(403, str(unknown)) from None
        offers = await self.hub_state.offers(self.user.name)
        local = self.hub_state.knows_accounts  # if false, no tier requires a group (site/model.py)
        groups = await groups_of(account) if local else frozenset()
        courses = self.hub_state.courses.tiers_for(self.user.name, groups)
        drains = self.hub_state.ledger.drains()
        return Eligibility(groups, offers.accounts, offers.reservations, courses, drains)

    def options_from_form(self, form_data: dict[str, list[Any]]) -> dict[str, Any]:
        """Return the form's data as options, and store the typed values.

        If the options are refused, or if the start fails, JupyterHub shows the form again.
        JupyterHub then uses the spawner of the default server (handlers/pages.py, _post). After a
        refusal, the form shows the values that the user typed.
        """
        self.user.spawner.typed = typed_in(form_data)
        return from_form(form_data)

    async def take_options(self, options: object) -> None:
        """Check the user's options before the server starts, also options from a REST request.

        Raises SpawnException (400) if the options are refused.
        """
        eligibility = await self.eligibility()
        try:
            self.choice, kept = read_choice(self.hub_state.site, options, eligibility)
        except BadChoice as bad:
            # restore the earlier options, because JupyterHub stores options before this check
            before = self.hub_state.ledger.last_choice(self.user.name, self.name)
            self.orm_spawner.user_options = form_values_of(self.hub_state.site, before, eligibility)
            object_session(self.orm_spawner).commit()
            if self.user.spawner.typed:
                self.user.spawner.typed.refuse(bad)
            raise NotOffered(str(bad)) from None
        self.user_options = self.orm_spawner.user_options = kept
        self.user.spawner.typed = None
        self.offered = frozenset(tier.key for tier in tiers_for(self.hub_state.site, eligibility))
        self.default_url = self.hub_state.site.server.interfaces[self.choice.interface]
        # JupyterHub's own timeout shows no reason to the user. Therefore, this timeout is longer
        # than the child's timeout (the tier's start_timeout), after which the user gets a card.
        self.start_timeout = self.hub_state.tier(self.choice.tier).start_timeout + SUBMITTING

    # --- the child -------------------------------------------------------------------------------------------

    def select_profile(self, profile: str) -> None:
        """Do nothing, because `choice` and not the profile selects the tier.

        wrapspawner keeps the previous child for an unknown profile.
        """

    def construct_child(self) -> Server:
        """Create the child spawner with two settings that the released wrapspawner does not pass
        on: orm_spawner and the cookie options. Without these two settings, a named server gets the
        URL and the cookies of the user's default server (wrapspawner#26, fixed in master only).
        """
        if self.child_spawner is None:
            # for a server without a record in the ledger, use the backend of the first tier
            backend = self._backend or self.hub_state.site.tiers[0].runs_on
            self.child_class = self._class_for(backend)
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
            child.backend_name = backend
            child.persist = self._persist
            child.follow(self, OWN_OF_CHILD)
            self.child_spawner = child
        return self.child_spawner

    def _persist(self) -> None:
        """Write the spawner's state to JupyterHub's database now.

        JupyterHub itself would write the spawner's state to the database only after start()
        (user.py, spawn).
        """
        self.orm_spawner.state = self.get_state()
        object_session(self.orm_spawner).commit()

    # --- state: its tag identifies the row in the ledger, even if tiers have changed --------------

    def get_state(self) -> dict[str, Any]:
        state = Spawner.get_state(self)
        if self.child_spawner and self.child_spawner.tag:
            state["child_state"] = self.child_spawner.get_state()
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        Spawner.load_state(self, state)
        if child_state := state.get("child_state"):
            row = self.hub_state.ledger.row(child_state.get("tag", ""))
            self._backend = row.backend if row else ""
            self.construct_child().load_state(child_state)

    def clear_state(self) -> None:
        Spawner.clear_state(self)
        if self.child_spawner:
            self.child_spawner.unfollow()
        self.child_spawner = None

    # --- start, poll, stop -----------------------------------------------------------------------------------

    async def start(self) -> str:
        """Start a server of the chosen tier with the child spawner."""
        # JupyterHub always calls take_options() first; other callers are refused
        if self.choice is None:
            raise SpawnException(_("no tier was chosen"), reason="options")
        tier = self.hub_state.tier(self.choice.tier)
        self._backend = tier.runs_on
        child = self.construct_child()
        child.choice, child.offered = self.choice, self.offered
        child.start_timeout = tier.start_timeout
        return await child.start()

    @property
    def pending(self) -> str | None:
        """Return JupyterHub's pending action, or "stop" for a server that has reported its end.

        A server that has reported its end has no route any more, and JupyterHub adds no route for a
        server that is stopping (proxy.py, check_routes).
        """
        return super().pending or (
            "stop" if self.child_spawner and self.child_spawner.ending_since else None
        )

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield progress events, also before the child exists.

        Before the child exists, the hub queries Slurm and the directory of accounts. The queries
        for groups, accounts and reservations can take seconds.
        """
        if self.child_spawner is None:
            yield FIRST
        while self.child_spawner is None:  # JupyterHub cancels this task together with the start
            await asyncio.sleep(0.2)
        async for event in self.child_spawner.progress():
            yield event


def last_progress_event(spawner: TierSpawner, event: dict[str, Any]) -> dict[str, Any]:
    """Return the last event of the progress page.

    JupyterHub reports a cancelled start as ready until its stop begins (apihandlers/users.py,
    SpawnProgressAPIHandler). last_progress_event() reports a cancelled start as cancelled.
    """
    child = spawner.child_spawner
    row = child.hub_state.ledger.row(child.tag) if child else None
    if row is None or row.abandoned or row.ended or not row.port:
        return {"progress": 100, "failed": True, "message": _("The start was cancelled.")}
    return event
