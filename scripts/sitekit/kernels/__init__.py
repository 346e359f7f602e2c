"""The cluster's modules become Jupyter kernels: each is loaded, probed and run before anyone sees it."""

from .commands import kernels, kernels_check, kernels_diff, kernels_import

__all__ = ["kernels", "kernels_check", "kernels_diff", "kernels_import"]
