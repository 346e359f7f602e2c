"""Keep the name that the applied jupyterhub_config.py of older releases imports."""

from __future__ import annotations

from ..settings_without_effect import refuse_settings_without_effect as refuse_unheard

__all__ = ["refuse_unheard"]
