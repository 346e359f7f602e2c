"""List all HTTP handlers of a user's server, with their addresses, and why each handler is safe.

tests/unit/session/test_session_handlers.py compares the list with a running server. The test fails
if the server has a handler that is not in the list. tests/attacks/test_handlers.py tests what the
`kind` of each handler promises. `*` in an address stands for any word that a caller writes there.
"""

from __future__ import annotations

from dataclasses import dataclass

ID = "a-b-c-d-e"


@dataclass(frozen=True)
class Judged:
    """The handlers of one module that are safe for the same reason.

    `addresses` contains the addresses of each handler by the name of the handler's class.
    """

    kind: str
    why: str
    module: str
    addresses: dict[str, tuple[str, ...]]


API = "returns JSON, which browsers do not run as a page or script; changes need the XSRF token"
PAGE = "shows words of the address only as text or JSON; changes nothing by itself; other sites cannot frame the page"
FILE = "returns a file of the release, below one folder"
SOCKET = "checks the user, and that a page of this host opens the socket, before the handshake"

JUDGED = (
    Judged("api", API, "jupyter_lsp.handlers", {"LanguageServersHandler": ("/lsp/status",)}),
    Judged(
        "websocket",
        SOCKET,
        "jupyter_lsp.handlers",
        {"LanguageServerWebSocketHandler": ("/lsp/ws/*",)},
    ),
    Judged(
        "api",
        "only reads memory and CPU usage, also as a kernel reports them",
        "jupyter_resource_usage.api",
        {
            "ApiHandler": ("/api/metrics/v1",),
            "KernelUsageHandler": ("/api/metrics/v1/kernel_usage/get_usage/*",),
        },
    ),
    Judged(
        "websocket",
        SOCKET,
        "jupyter_server_terminals.handlers",
        {"TermSocket": ("/terminals/websocket/1",)},
    ),
    Judged(
        "api",
        API,
        "jupyter_server_terminals.api_handlers",
        {"TerminalRootHandler": ("/api/terminals",), "TerminalHandler": ("/api/terminals/1",)},
    ),
    Judged(
        "api",
        "the extension manager is read-only, news and updates are off (environment/release/configure_release.py)",
        "jupyterlab.handlers",
        {
            "build_handler:BuildHandler": ("/lab/api/build",),
            "extension_manager_handler:ExtensionHandler": ("/lab/api/extensions",),
            "plugin_manager_handler:PluginHandler": ("/lab/api/plugins",),
            "announcements:CheckForUpdateHandler": ("/lab/api/update",),
            "announcements:NewsHandler": ("/lab/api/news",),
        },
    ),
    Judged(
        "page",
        PAGE,
        "jupyterlab_server.handlers",
        {
            "LabHandler": ("/lab", "/lab/tree/*", "/doc/workspaces/a/tree/*"),
            "NotFoundHandler": ("/lab/*",),
        },
    ),
    Judged(
        "api",
        API,
        "jupyterlab_server",
        {
            "settings_handler:SettingsHandler": ("/lab/api/settings/", "/lab/api/settings/*"),
            "translations_handler:TranslationsHandler": (
                "/lab/api/translations/",
                "/lab/api/translations/*",
            ),
            "workspaces_handler:WorkspacesHandler": (
                "/lab/api/workspaces/",
                "/lab/api/workspaces/*",
            ),
            "listings_handler:ListingsHandler": ("/lab/api/listings/*",),
            "licenses_handler:LicensesHandler": ("/lab/api/licenses/*",),
        },
    ),
    Judged(
        "file", FILE, "jupyterlab_server.themes_handler", {"ThemesHandler": ("/lab/api/themes/*",)}
    ),
    Judged(
        "asked",
        "calls request_origin.is_foreign; compares only files of the server (overrides/nbdime_guard.py)",
        "nbdime.webapp.nb_server_extension",
        {
            "AuthMainDifftoolHandler": ("/nbdime/difftool",),
            "CheckpointDifftoolHandler": ("/nbdime/checkpoint-difftool",),
            "GitDifftoolHandler": ("/nbdime/git-difftool",),
            "ExtensionApiDiffHandler": ("/nbdime/api/diff",),
            "IsGitHandler": ("/nbdime/api/isgit",),
            "GitDiffHandler": ("/nbdime/api/gitdiff",),
        },
    ),
    Judged(
        "page",
        PAGE,
        "notebook.app",
        {
            "TreeHandler": ("/tree", "/tree/*"),
            "NotebookHandler": ("/notebooks/*",),
            "FileHandler": ("/edit/*",),
            "ConsoleHandler": ("/consoles/*",),
            "TerminalHandler": ("/terminals/*",),
        },
    ),
    Judged(
        "file",
        "returns the user's own style sheet",
        "notebook.app",
        {"CustomCssHandler": ("/custom/custom.css",)},
    ),
    Judged(
        "asked",
        "calls request_origin.is_foreign; runs git in the user's folders (overrides/git_guard.py)",
        "jupyterlab_git.handlers",
        {
            "GitAddAllUnstagedHandler": ("/git/a/add_all_unstaged",),
            "GitAddAllUntrackedHandler": ("/git/a/add_all_untracked",),
            "GitBranchDeleteHandler": ("/git/a/branch/delete",),
            "GitBranchHandler": ("/git/a/branch",),
            "GitChangedFilesHandler": ("/git/a/changed_files",),
            "GitCheckoutHandler": ("/git/a/checkout",),
            "GitCloneHandler": ("/git/a/clone",),
            "GitCommitHandler": ("/git/a/commit",),
            "GitConfigHandler": ("/git/a/config",),
            "GitContentHandler": ("/git/a/content",),
            "GitDeleteCommitHandler": ("/git/a/delete_commit",),
            "GitDetailedLogHandler": ("/git/a/detailed_log",),
            "GitDiffHandler": ("/git/a/diff",),
            "GitInitHandler": ("/git/a/init",),
            "GitLogHandler": ("/git/a/log",),
            "GitMergeHandler": ("/git/a/merge",),
            "GitPullHandler": ("/git/a/pull",),
            "GitPushHandler": ("/git/a/push",),
            "GitRemoteAddHandler": ("/git/a/remote/add",),
            "GitFetchHandler": ("/git/a/remote/fetch",),
            "GitRemoteDetailsShowHandler": ("/git/a/remote/show",),
            "GitResetHandler": ("/git/a/reset",),
            "GitResetToCommitHandler": ("/git/a/reset_to_commit",),
            "GitShowPrefixHandler": ("/git/a/show_prefix",),
            "GitShowTopLevelHandler": ("/git/a/show_top_level",),
            "GitStatusHandler": ("/git/a/status",),
            "GitUpstreamHandler": ("/git/a/upstream",),
            "GitIgnoreHandler": ("/git/a/ignore",),
            "GitTagHandler": ("/git/a/tags",),
            "GitTagCheckoutHandler": ("/git/a/tag_checkout",),
            "GitNewTagHandler": ("/git/a/tag",),
            "GitAddHandler": ("/git/a/add",),
            "GitRebaseHandler": ("/git/a/rebase",),
            "GitStashHandler": ("/git/a/stash",),
            "GitStashPopHandler": ("/git/a/stash_pop",),
            "GitStashApplyHandler": ("/git/a/stash_apply",),
            "GitSubmodulesHandler": ("/git/a/submodules",),
            "GitCheckNotebooksHandler": ("/git/a/check_notebooks",),
            "GitStripNotebooksHandler": ("/git/a/strip_notebooks",),
            "GitDiffNotebookHandler": ("/git/diffnotebook",),
            "GitSettingsHandler": ("/git/settings",),
            "SshHostHandler": ("/git/known_hosts",),
            "GitRemoteRemoveHandler": ("/git/a/remote/b",),
        },
    ),
    Judged(
        "api",
        "only reads when the server ends",
        "sitekit.session.overrides.activity",
        {"NoticeHandler": ("/sitekit/notice",)},
    ),
    Judged(
        "api",
        "only reads the figures of this server and of its user's home",
        "sitekit.session.figures.figures_for_jupyterlab",
        {"FiguresHandler": ("/sitekit/figures",)},
    ),
    Judged(
        "api",
        "only reads the outputs of this server's kernels, and notes what a connected page has",
        "sitekit.session.outputs.outputs_for_pages",
        {"OutputsHandler": ("/sitekit/outputs",)},
    ),
    Judged(
        "asked",
        "answers only the user's lab, and accepts only names as words (overrides/lmod_guard.py)",
        "jupyterlmod.handler",
        {
            "ModuleSystem": ("/module/system",),
            "Module": ("/module",),
            "AvailModules": ("/module/modules",),
            "ShowModule": ("/module/modules/*",),
            "ModuleCollections": ("/module/collections",),
            "ModulePaths": ("/module/paths",),
            "FoldersHandler": ("/module/folders/*",),
            "PinsHandler": ("/module/launcher-pins",),
            "ModuleMapHandler": ("/module/launcher-module-map",),
            "ModuleSystemLogoHandler": ("/module/logo",),
        },
    ),
    Judged(
        "asked",
        "calls request_origin.is_foreign; connects only to programs of the user (overrides/port_guard.py)",
        "jupyter_server_proxy.handlers",
        {
            "LocalProxyHandler": ("/proxy/1/*", "/proxy/absolute/1/*"),
            "RemoteProxyHandler": ("/proxy/localhost:1/*", "/proxy/absolute/localhost:1/*"),
        },
    ),
    Judged(
        "page",
        "returns the named servers as JSON",
        "jupyter_server_proxy.api",
        {"ServersInfoHandler": ("/server-proxy/servers-info",)},
    ),
    Judged(
        "file",
        "returns pictures that the site's configuration names",
        "jupyter_server_proxy.api",
        {"IconHandler": ("/server-proxy/icon/*",)},
    ),
    Judged(
        "question",
        "shows words of the address as text; acts only on a POST of its own page (overrides/pull_guard.py)",
        "sitekit.session.overrides.pull_guard",
        {"PullHandler": ("/git-pull",), "OldHandler": ("/git-sync",)},
    ),
    Judged(
        "file",
        FILE,
        "jupyter_server.base.handlers",
        {
            "FileFindHandler": (
                *(
                    "/robots.txt",
                    "/favicon.ico",
                    "/static/*",
                    "/static/lab/*",
                    "/static/notebook/*",
                ),
                "/lab/extensions/*",
            ),
            "PublicStaticFileHandler": ("/robots.txt",),
        },
    ),
    Judged(
        "file",
        "returns a description of the API",
        "jupyter_server.services.api.handlers",
        {"APISpecHandler": ("/api/spec.yaml",)},
    ),
    Judged(
        "file",
        "returns files beside a kernel spec of the site or the user",
        "jupyter_server.kernelspecs.handlers",
        {"KernelSpecResourceHandler": ("/kernelspecs/a/*",)},
    ),
    Judged(
        "page",
        "shows the user's own files in a sandbox of the Content-Security-Policy",
        "jupyter_server",
        {
            "base.handlers:AuthenticatedFileHandler": ("/files/*",),
            "view.handlers:ViewHandler": ("/view/*",),
            "nbconvert.handlers:NbconvertFileHandler": ("/nbconvert/html/*",),
            "nbconvert.handlers:NbconvertPostHandler": ("/nbconvert/html",),
        },
    ),
    Judged(
        "page",
        "redirects to an address of this server, or reports that there is no such address",
        "jupyter_server",
        {
            "base.handlers:RedirectWithParams": ("/",),
            "base.handlers:TrailingSlashHandler": ("/*/",),
            "base.handlers:Template404": ("*",),
            "services.contents.handlers:NotebooksRedirectHandler": ("/api/notebooks/*",),
        },
    ),
    Judged(
        "page",
        "returns figures, or accepts a POST with the XSRF token",
        "jupyter_server",
        {
            "base.handlers:PrometheusMetricsHandler": ("/metrics",),
            "services.contents.handlers:TrustNotebooksHandler": ("/api/contents/*/trust",),
            "services.shutdown:ShutdownHandler": ("/api/shutdown",),
        },
    ),
    Judged(
        "api",
        API,
        "jupyter_server",
        {
            "base.handlers:APIVersionHandler": ("/api",),
            "services.api.handlers:APIStatusHandler": ("/api/status",),
            "services.api.handlers:IdentityHandler": ("/api/me",),
            "services.api.handlers:PathResolverHandler": ("/api/resolvePath",),
            "services.config.handlers:ConfigHandler": ("/api/config/a",),
            "services.contents.handlers:ContentsHandler": ("/api/contents", "/api/contents/*"),
            "services.contents.handlers:CheckpointsHandler": ("/api/contents/*/checkpoints",),
            "services.contents.handlers:ModifyCheckpointsHandler": (
                "/api/contents/*/checkpoints/a",
            ),
            "services.events.handlers:EventHandler": ("/api/events",),
            "services.kernels.handlers:MainKernelHandler": ("/api/kernels",),
            "services.kernels.handlers:KernelHandler": (f"/api/kernels/{ID}",),
            "services.kernels.handlers:KernelActionHandler": (f"/api/kernels/{ID}/restart",),
            "services.kernelspecs.handlers:MainKernelSpecHandler": ("/api/kernelspecs",),
            "services.kernelspecs.handlers:KernelSpecHandler": ("/api/kernelspecs/a",),
            "services.nbconvert.handlers:NbconvertRootHandler": ("/api/nbconvert",),
            "services.sessions.handlers:SessionRootHandler": ("/api/sessions",),
            "services.sessions.handlers:SessionHandler": (f"/api/sessions/{ID}",),
        },
    ),
    Judged(
        "report",
        "browsers post violations of the policy here without a token; the server only logs one line for each",
        "jupyter_server.services.security.handlers",
        {"CSPReportHandler": ("/api/security/csp-report",)},
    ),
    Judged(
        "websocket",
        SOCKET,
        "jupyter_server.services",
        {
            "events.handlers:SubscribeWebsocket": ("/api/events/subscribe",),
            "kernels.websocket:KernelWebsocketHandler": (f"/api/kernels/{ID}/channels",),
        },
    ),
    Judged(
        "hub",
        "ends the login, or accepts the hub's OAuth answer with the state that the server has sent",
        "jupyterhub.singleuser.extension",
        {
            "JupyterHubLogoutHandler": ("/logout",),
            "JupyterHubOAuthCallbackHandler": ("/oauth_callback",),
        },
    ),
)


def table() -> dict[str, tuple[Judged, tuple[str, ...]]]:
    """Return the entry and the addresses of each handler, by `module:class`."""
    found: dict[str, tuple[Judged, tuple[str, ...]]] = {}
    for judged in JUDGED:
        for name, addresses in judged.addresses.items():
            rest, _, kind = name.rpartition(":")
            found[f"{judged.module}{'.' * bool(rest)}{rest}:{kind}"] = (judged, addresses)
    return found


def addresses(*kinds: str) -> list[str]:
    """Return the addresses of all handlers of these kinds."""
    return sorted(
        {one for judged, found in table().values() if judged.kind in kinds for one in found}
    )
