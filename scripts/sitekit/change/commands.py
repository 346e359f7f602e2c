"""The room's commands."""

from .apply import apply, diff
from .backup import backup
from .restore import restore
from .rotate import rotate_secrets
from .uninstall import uninstall

__all__ = ["apply", "backup", "diff", "restore", "rotate_secrets", "uninstall"]
