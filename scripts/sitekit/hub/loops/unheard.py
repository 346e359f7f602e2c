"""Keep an old module name, because a jupyterhub_config.py that an older sitekit has written imports
this name."""

from __future__ import annotations

from ..settings_without_effect import refuse_settings_without_effect as refuse_unheard

__all__ = ["refuse_unheard"]
