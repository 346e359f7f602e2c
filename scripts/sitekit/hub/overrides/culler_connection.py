"""Make jupyterhub-idle-culler use its own certificate, and log a hub that does not answer in one line."""

from __future__ import annotations

import logging
from typing import Any

from ...contracts.internal_tls import as_installed, client_context
from ...site import Site


def use_own_certificate(c: Any, site: Site) -> None:
    """Make the culler (the program that stops idle servers) use its own certificate.

    The culler's own make_ssl_context would use the hub's certificate, which has more rights.
    """
    if as_installed(site).internal_tls:
        import jupyterhub_idle_culler

        c.IdleCuller.ssl_enabled = True
        jupyterhub_idle_culler.make_ssl_context = lambda *_: client_context(site, "culler")


def log_unreachable_hub() -> None:
    """If the hub does not answer the culler, log one line instead of a traceback.

    The culler's cull_idle raises the error, and tornado then logs it with a traceback
    (jupyterhub_idle_culler/__init__.py, start). When the hub is killed, the culler writes this
    traceback into the hub's log shortly before the culler itself ends. The culler tries again after
    its usual interval.
    """
    import jupyterhub_idle_culler
    from tornado.httpclient import HTTPClientError

    cull_idle = jupyterhub_idle_culler.cull_idle

    async def cull_if_hub_answers(*, logger: logging.Logger, **settings: Any) -> None:
        try:
            await cull_idle(logger=logger, **settings)
        except (OSError, HTTPClientError) as error:
            logger.warning(
                "The culler stopped no idle server: a request to the hub failed: %s", error
            )

    jupyterhub_idle_culler.cull_idle = cull_if_hub_answers
