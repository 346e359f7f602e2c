"""Set JupyterHub's configuration from the settings of a site, with one function for each part of
the configuration."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..base.data_files import data
from ..contracts.gate_config import COOKIES
from ..contracts.internal_tls import as_installed, hub_url, proxy_api_url
from ..site import Site
from .api import drains, websocket_test
from .api.announcements import (
    ANNOUNCEMENT,
    ANNOUNCEMENTS,
    COURSE_MESSAGES,
    MESSAGES,
    AnnouncementHandler,
    AnnouncementsHandler,
    MessagesHandler,
)
from .api.backend_status import StatusHandler
from .api.card import CardHandler
from .api.saved_choices import SAVED_CHOICES, SavedChoicesHandler
from .api.server import SERVER, ServerStateHandler
from .api.server_callbacks import (
    ENDING,
    LISTENING,
    MEMORY,
    EndingHandler,
    ListeningHandler,
    MemoryHandler,
    replace_batchspawners_handler,
)
from .api.why_server_ended import END, ServerEndHandler
from .courses.page import PAGE, STATE, CoursePageHandler, CourseStateHandler
from .culling import update_culling
from .database_and_cookie_secret import update_state
from .login.choose_login_method import update_login
from .login.pam import PatientAuthenticator
from .loops import heartbeat, log_absent_users, proxy_routes, record_idle_time
from .overrides.deny_admin_access import keep_administrators_out_of_servers
from .overrides.hub_port_callers import keep_pages_behind_the_front
from .overrides.internal_tls import speak_tls
from .overrides.keep_polls_out_of_log import log_polls_at_debug
from .overrides.limit_number_of_server_logins import forget_old_logins
from .overrides.prevent_login_again_error import ask_stale_users_to_log_in
from .overrides.proxy import SilentProxy
from .overrides.remove_secrets_from_log import (
    JsonLines,
    SecretsLeftOut,
    leave_out_advice_to_delete_users,
    log_no_cookie_ids,
    log_no_strangers_names,
    log_refusals_in_one_line,
)
from .overrides.restrict_api_requests import ServerHandler, limit_bodies, replace_handlers
from .overrides.show_database_errors import tell_of_database
from .overrides.start_loops_after_users import Loop, begin_with_users
from .pages import change_tier, check_server_access, describe_servers, documentation, static_files
from .pages.announcements_for_page import announcements_of
from .pages.server_log import LOG, ServerLogHandler
from .pages.status import STATUS_PAGE, STATUS_STATE, StatusPageHandler, StatusStateHandler
from .pages.unreachable_server import NoAnswerHandler, ServerPageHandler
from .servers.log_operator_actions import log_for_ever
from .servers.shared_objects import HubState
from .spawner import reconcile, stop_ordered, watch_endings
from .spawner.server_spawner import Server
from .spawner.tier_spawner import TierSpawner, last_progress_event
from .status import observe_starts_and_ends, poll_kernels_and_release, read_certificate_expiry
from .status.metrics_collector import update_metrics
from .status.register_prometheus_token import forget_old_tokens, update_token
from .translate_pages import translate_pages


def configure(c: Any, site: Site) -> None:
    """Set every option of JupyterHub's configuration `c` that sitekit determines."""
    site = as_installed(site)
    hub_state = HubState(site)
    update_addresses(c, site)
    keep_pages_behind_the_front(site.front.url, hub_state.has_ended)
    update_proxy(c, site)
    update_state(c, site)
    update_login(c, site, hub_state.accounts)
    update_servers(c, site)
    update_culling(c, site)
    update_entry(site)
    update_pages(c, hub_state)
    translate_pages(c, site)
    share_hub_state(hub_state)
    speak_tls(hub_state)
    update_handlers(c, site)
    tell_of_database()
    forget_old_logins()
    ask_stale_users_to_log_in()
    update_logs(c, site)
    begin_loops(hub_state)
    update_metrics(hub_state)
    update_token(c, site)


def update_addresses(c: Any, site: Site) -> None:
    """Set the URLs of proxy and hub, and options of all pages."""
    c.JupyterHub.bind_url = f"http://127.0.0.1:{site.proxy.port}/"
    c.JupyterHub.public_url = f"{site.front.url}/"
    # if each user has a host name, browsers isolate the pages of different users
    if site.front.subdomains:
        c.JupyterHub.subdomain_host = site.front.url
        c.JupyterHub.cookie_host_prefix_enabled = True
    c.JupyterHub.hub_bind_url = c.JupyterHub.hub_connect_url = hub_url(site)
    # the hub trusts the client's address in the headers of front and proxy, which run on this host
    c.JupyterHub.trusted_downstream_ips = ["127.0.0.1"]
    c.JupyterHub.tornado_settings = {
        "cookie_options": dict(COOKIES),
        # no browser may cache pages, because pages contain tokens and names
        "headers": {"Cache-Control": "no-store"},
    }


def update_proxy(c: Any, site: Site) -> None:
    """Set the proxy. A restart of the hub interrupts no server, because the proxy is a separate
    service.

    Hub and proxy share the secret CONFIGPROXY_AUTH_TOKEN, which is in the environment of hub and
    proxy. JupyterHub reads the secret from its environment by itself.
    """
    c.JupyterHub.proxy_class = SilentProxy
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = proxy_api_url(site)
    c.JupyterHub.cleanup_proxy = False


def update_servers(c: Any, site: Site) -> None:
    """Set the spawner, and how many servers a user may have."""
    c.JupyterHub.spawner_class = TierSpawner
    c.JupyterHub.cleanup_servers = False  # servers are jobs, which continue when the hub ends
    # a restarted hub answers at once, and checks the running servers at the same time
    c.JupyterHub.init_spawners_timeout = 1
    c.JupyterHub.allow_named_servers = site.server.named > 0
    c.JupyterHub.named_server_limit_per_user = site.server.named
    c.TierSpawner.apply_user_options = TierSpawner.take_options
    c.Spawner.progress_ready_hook = last_progress_event
    c.Spawner.disable_user_config = True  # a user's dotfiles cannot change the server
    # A poll reads the last list of all jobs, and makes no query. The poll is needed only for jobs
    # that are no longer in any list. watch_endings notices the end of all other jobs.
    c.Spawner.poll_interval = 60
    c.Spawner.http_timeout = 60
    c.Spawner.args = []


def update_entry(site: Site) -> None:
    """Configure how the hub decides which users may open the server of another user.

    If each user has a domain, the check before opening another user's server is not needed, because
    browsers isolate the pages of different domains.
    """
    if not site.login.admin_access:
        keep_administrators_out_of_servers()
    if not site.front.subdomains:
        check_server_access.let_owners_in(site)


def update_pages(c: Any, hub_state: HubState) -> None:
    """Set the templates of the hub's pages, and the variables that the templates show."""
    c.JupyterHub.template_paths = [str(data("config/templates"))]
    docs = hub_state.site.docs / "index.html"
    c.JupyterHub.template_vars = {
        "site_title": hub_state.site.title,
        "site_pages": hub_state.site.pages,
        **describe_servers.template_variables(hub_state),
        "sitekit_has_docs": lambda _user: docs.is_file(),
        "sitekit_announcements": announcements_of(hub_state),
    }
    if hub_state.site.pages.logo:
        c.JupyterHub.logo_file = str(hub_state.site.pages.logo)


def share_hub_state(hub_state: HubState) -> None:
    """Store `hub_state`, which contains the objects that all parts of the hub share, in the classes
    that need it."""
    api = (
        ListeningHandler,
        EndingHandler,
        MemoryHandler,
        ServerHandler,
        CardHandler,
        ServerStateHandler,
        SavedChoicesHandler,
        StatusHandler,
        ServerEndHandler,
    )
    courses = (CoursePageHandler, CourseStateHandler)
    announcements = (AnnouncementsHandler, AnnouncementHandler, MessagesHandler)
    status = (StatusPageHandler, StatusStateHandler, change_tier.ChangeTierHandler)
    pages = (NoAnswerHandler, ServerPageHandler, ServerLogHandler, *status)
    operators = (drains.OperatorHandler, *announcements)
    for part in (SilentProxy, TierSpawner, Server, *api, *courses, *operators, *pages):
        part.hub_state = hub_state


def update_handlers(c: Any, site: Site) -> None:
    """Set which request handler answers at which URL. sitekit replaces some of JupyterHub's own
    request handlers.

    The handlers that decide which users may open another user's server are needed only if all
    servers have one domain.
    """
    one_domain = not site.front.subdomains
    replace_batchspawners_handler()
    replace_handlers(check_server_access.HANDLERS if one_domain else {})
    c.JupyterHub.extra_handlers = [
        (LISTENING, ListeningHandler),
        (ENDING, EndingHandler),
        (MEMORY, MemoryHandler),
        (r"/api/sitekit/card", CardHandler),
        (SERVER, ServerStateHandler),
        (SAVED_CHOICES, SavedChoicesHandler),
        (r"/api/sitekit/status", StatusHandler),
        (ANNOUNCEMENTS, AnnouncementsHandler),
        (ANNOUNCEMENT, AnnouncementHandler),
        (MESSAGES, MessagesHandler),
        (COURSE_MESSAGES, MessagesHandler),
        *drains.HANDLERS,
        (END, ServerEndHandler),
        (change_tier.PATH, change_tier.ChangeTierHandler),
        (PAGE, CoursePageHandler),
        (STATE, CourseStateHandler),
        (LOG, ServerLogHandler),
        (STATUS_PAGE, StatusPageHandler),
        (STATUS_STATE, StatusStateHandler),
        (websocket_test.PATH, websocket_test.SocketProbeHandler),
        *documentation.handlers(site.docs),
        *static_files.handlers(),
        *([(check_server_access.PATH, check_server_access.EnterHandler)] if one_domain else []),
    ]


def update_logs(c: Any, site: Site) -> None:
    """Remove secrets and useless lines from JupyterHub's log."""
    log_refusals_in_one_line()
    leave_out_advice_to_delete_users()
    log_no_cookie_ids()
    log_polls_at_debug()
    if site.login.method == "pam":
        log_no_strangers_names(PatientAuthenticator.accounts)
    formatter = JsonLines if site.logs.format == "json" else SecretsLeftOut
    console = {"class": f"{formatter.__module__}.{formatter.__name__}"}
    if formatter is JsonLines:
        console["format"] = "%(message)s"  # time and level have keys of their own
    c.JupyterHub.logging_config = {"formatters": {"console": console}}


def begin_loops(hub_state: HubState) -> None:
    """Start the hub's repeated tasks after JupyterHub has loaded its users. The tasks run until the
    hub ends."""
    begin_with_users(lambda: hub_loops(hub_state))


def hub_loops(hub_state: HubState) -> dict[str, Loop]:
    """Return the hub's tasks by name. Most of them are loops that run until the hub ends. Raises an
    error if the ledger cannot be opened, because a hub must not start without the ledger."""
    hub_state.ledger.open()
    return {
        **backend_loops(hub_state),
        "tokens of ended servers": partial(reconcile.revoke_for_ever, hub_state),
        **({"tunnels": hub_state.tunnels.run} if hub_state.tunnels else {}),
        "routes": proxy_routes.run,
        "limits": limit_bodies,
        "metrics of servers": partial(observe_starts_and_ends.run, hub_state),
        "kernels and release": partial(poll_kernels_and_release.run, hub_state.site),
        "metrics of certificates": partial(read_certificate_expiry.run, hub_state.site),
        "old tokens of metrics": partial(forget_old_tokens, hub_state.site),
        "heartbeat": heartbeat.run,
        "idle time": partial(record_idle_time.run, hub_state.ledger),
        "ordered stops": partial(stop_ordered.run, hub_state),
        "operators' actions": partial(log_for_ever, hub_state.ledger),
        **({"absent users": log_absent_users.run} if hub_state.site.login.method == "pam" else {}),
    }


def backend_loops(hub_state: HubState) -> dict[str, Loop]:
    """Return the loops that run for each backend until the hub ends."""
    loops: dict[str, Loop] = {}
    for name, backend in hub_state.backends.items():
        own: dict[str, Loop] = {
            **backend.loops(),
            "endings": partial(watch_endings.run, backend),
            "reconciler": partial(reconcile.run, hub_state, name),
        }
        loops |= {f"{name}: {what}": run for what, run in own.items()}
    return loops
