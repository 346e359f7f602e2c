"""Limit how many logins at servers stay in JupyterHub's database (oauth/provider.py)."""

from __future__ import annotations

from typing import Any

from jupyterhub import orm
from jupyterhub.oauth.provider import JupyterHubRequestValidator

from ..login.end_browser_logins import forget


def forget_old_logins() -> None:
    """Delete a user's oldest logins whenever JupyterHub stores a new login of this user.

    Each login at a server stores a code and a token in the database, for hours and days. A user can
    log in repeatedly with the token of their own server. If old logins were not deleted, their
    codes and tokens could fill the disk.
    """
    save_code = JupyterHubRequestValidator.save_authorization_code
    save_token = JupyterHubRequestValidator.save_bearer_token

    def save_code_and_forget(
        validator: Any, client_id: str, code: Any, request: Any, *more: Any, **named: Any
    ) -> None:
        save_code(validator, client_id, code, request, *more, **named)
        forget(validator.db, orm.OAuthCode, request.user.id)

    def save_token_and_forget(
        validator: Any, token: Any, request: Any, *more: Any, **named: Any
    ) -> Any:
        where = save_token(validator, token, request, *more, **named)
        forget(validator.db, orm.APIToken, request.user.id)
        return where

    JupyterHubRequestValidator.save_authorization_code = save_code_and_forget
    JupyterHubRequestValidator.save_bearer_token = save_token_and_forget
