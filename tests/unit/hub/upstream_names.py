"""Run in a release's own Python by test_upstream_names: every name of an upstream package that
sitekit replaces.

Prints, a line each, the methods that our classes override, and the functions and private names of
REPLACED, with the signatures that they have upstream. What is not there is printed as missing.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from types import ModuleType

PACKAGES = ("sitekit.hub", "sitekit.session")
# ours, and what changes with Python alone
OTHERS = (*sys.stdlib_module_names, "sitekit")
REPLACED = [
    "jupyterhub.app:JupyterHub._service_map",
    "jupyterhub.app:JupyterHub.init_internal_ssl",
    "jupyterhub.app:JupyterHub.init_spawners",
    "jupyterhub.handlers.base:BaseHandler.get_current_user",
    "jupyterhub.handlers.base:BaseHandler.prepare",
    "jupyterhub.handlers.base:BaseHandler.write_error",
    "jupyterhub.httpclient:JupyterHubHTTPClient._internal_connector_options",
    "jupyterhub.handlers.pages:HealthCheckHandler.get",
    "jupyterhub.httpclient:fetch",
    "jupyterhub.oauth.provider:JupyterHubRequestValidator.save_authorization_code",
    "jupyterhub.oauth.provider:JupyterHubRequestValidator.save_bearer_token",
    "jupyterhub.spawner:Spawner._check_pending",
    "jupyterhub.spawner:Spawner._spawn_future",
    "jupyterhub.spawner:Spawner._spawn_pending",
    "jupyterhub.spawner:Spawner._stop_pending",
    "jupyterhub_idle_culler:cull_idle",
    "jupyterhub_idle_culler:make_ssl_context",
    "oauthenticator.oauth2:_deserialize_state",
    "oauthenticator.oauth2:_serialize_state",
    "tornado.httpserver:HTTPServer.handle_stream",
    "IPython.paths:get_ipython_dir",
    "ipykernel.iostream:IOPubThread._setup_pipe_in",
    "jupyter_client.provisioning.local_provisioner:LocalProvisioner.launch_kernel",
    "jupyter_server.base.handlers:APIHandler.update_api_activity",
    "jupyter_lsp.manager:LanguageServerManager.ready",
    "jupyter_lsp.serverextension:initialize",
    "jupyter_server.services.contents.manager:AsyncContentsManager.delete",
    "jupyter_server.services.contents.manager:AsyncContentsManager.get",
    "jupyter_server.services.contents.manager:AsyncContentsManager.rename",
    "jupyter_server.services.contents.manager:AsyncContentsManager.save",
    "jupyter_server.serverapp:ServerApp._bind_http_server_tcp",
    "jupyter_server.serverapp:ServerApp._find_http_port",
    "jupyterlab.commands:_yarn_config",
    "jupyterlab.extensions:get_pypi_manager",
    "jupyterlab_server.listings_handler:fetch_listings",
    "jupyter_server_proxy:_load_jupyter_server_extension",
    "jupyter_server_proxy.handlers:LocalProxyHandler._check_host_allowlist",
    "jupyter_server_proxy.handlers:LocalProxyHandler._proxy_buffered",
    "jupyter_server_proxy.handlers:LocalProxyHandler._proxy_progressive",
    "jupyter_server_proxy.handlers:LocalProxyHandler.prepare",
]
"""What is put in place by assignment, or read though it is private: `module:name`."""


def main() -> None:
    lines = {f"{name} {_upstream(name)}" for name in REPLACED}
    for package in PACKAGES:
        for module in _modules(importlib.import_module(package)):
            lines |= set(_overridden(module))
    sys.stdout.write("".join(f"{line}\n" for line in sorted(lines)))


def _upstream(name: str) -> str:
    module, _, path = name.partition(":")
    try:
        found = importlib.import_module(module)
        for part in path.split("."):
            found = inspect.getattr_static(found, part)
    except (ImportError, AttributeError) as trouble:
        return f"is missing: {type(trouble).__name__}"
    return _signature(found)


def _signature(found: object) -> str:
    try:
        signature = str(inspect.signature(getattr(found, "__func__", found)))
    except (TypeError, ValueError):
        return "is no function"
    return re.sub(r" at 0x[0-9a-f]+", "", signature)


def _modules(package: ModuleType) -> list[ModuleType]:
    names = [
        found.name for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    return [importlib.import_module(name) for name in names if not name.endswith("_child")]


def _overridden(module: ModuleType) -> list[str]:
    """The methods of upstream classes that the classes of this module replace."""
    classes = [
        one
        for one in vars(module).values()
        if inspect.isclass(one) and one.__module__ == module.__name__
    ]
    return [line for ours in classes for name in vars(ours) for line in _above(ours, name)]


def _above(ours: type, name: str) -> list[str]:
    """The nearest upstream method of this name that is replaced in `ours`, as a line."""
    for base in ours.__mro__[1:]:
        method = vars(base).get(name)
        others = base.__module__.partition(".")[0] in OTHERS or base.__module__ == "tornado.web"
        if others or not (inspect.isroutine(method) or isinstance(method, property)):
            continue
        return [f"{base.__module__}:{base.__qualname__}.{name} {_signature(method)}"]
    return []


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    main()
