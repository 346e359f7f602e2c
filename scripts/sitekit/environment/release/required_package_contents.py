"""List the packages of the hub environment, with the Python modules and programs that each package
must contain."""

from __future__ import annotations

from dataclasses import dataclass

from ..wheels.environment_yml import Packages


@dataclass(frozen=True)
class Piece:
    """Describe a package of environment.yml: its name, Python modules, programs and extensions.

    `server` has the package's extensions of Jupyter Server, and `lab` has the package's extensions
    of JupyterLab.
    """

    name: str
    modules: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    server: tuple[str, ...] = ()
    lab: tuple[str, ...] = ()


OURS = "sitekit.session.overrides"
"""sitekit's package with server extensions. Most of these extensions load the extension of another
package, and correct the loaded extension."""

PIECES = (
    Piece(
        "jupyterhub",
        ("jupyterhub.app", "jupyterhub.singleuser"),
        ("jupyterhub", "jupyterhub-singleuser"),
    ),
    Piece("batchspawner", ("batchspawner",), ("batchspawner-singleuser",)),
    Piece("wrapspawner", ("wrapspawner",)),
    Piece("oauthenticator", ("oauthenticator.github", "oauthenticator.cilogon")),
    Piece("jupyterhub-idle-culler", ("jupyterhub_idle_culler",)),
    Piece("configurable-http-proxy", (), ("configurable-http-proxy",)),
    Piece("nodejs", (), ("node",)),
    Piece("supervisor", ("supervisor.supervisord",), ("supervisord", "supervisorctl")),
    Piece(
        "jupyterlab",
        ("jupyterlab",),
        ("jupyter-lab",),
        (
            "jupyterlab",
            "jupyter_server_terminals",
            f"{OURS}.activity",
            f"{OURS}.find_language_servers_on_request",
            "sitekit.session.outputs.outputs_for_pages",
        ),
        ("@sitekit/notice",),
    ),
    Piece(
        "notebook",
        ("notebook",),
        ("jupyter-notebook",),
        ("notebook",),
        ("@jupyter-notebook/lab-extension",),
    ),
    Piece("ipykernel", ("ipykernel.kernelapp",)),
    Piece("ipywidgets", ("ipywidgets",), lab=("@jupyter-widgets/jupyterlab-manager",)),
    Piece("bash_kernel", ("bash_kernel.kernel",)),
    Piece("envkernel", ("envkernel",), ("envkernel",)),
    Piece(
        "jupyterlmod",
        ("jupyterlmod",),
        server=(f"{OURS}.lmod_guard",),
        lab=("@cmd-ntrf/jupyterlab-lmod",),
    ),
    Piece(
        "jupyter-resource-usage",
        server=("jupyter_resource_usage",),
        lab=("@jupyter-server/resource-usage",),
    ),
    Piece(
        "jupyter-server-proxy",
        server=(f"{OURS}.port_guard",),
        lab=("@jupyterhub/jupyter-server-proxy",),
    ),
    Piece(
        "nbdime",
        ("nbdime", "nbdime.webapp.nb_server_extension"),
        ("nbdime", "git-nbdiffdriver"),
        (f"{OURS}.nbdime_guard",),
        ("nbdime-jupyterlab",),
    ),
    Piece("nbgitpuller", ("nbgitpuller",), ("gitpuller",), (f"{OURS}.pull_guard",)),
    Piece(
        "jupyterlab-git",
        ("jupyterlab_git",),
        server=(f"{OURS}.git_guard",),
        lab=("@jupyterlab/git",),
    ),
    Piece("ipympl", ("ipympl",), lab=("jupyter-matplotlib",)),
    Piece("anywidget", ("anywidget",), lab=("anywidget",)),
    Piece("jinja2", ("jinja2",)),
    Piece("psutil", ("psutil",)),
    Piece("pydantic", ("pydantic",)),
    Piece("ruamel.yaml", ("ruamel.yaml",)),
)


def wanted(packages: Packages) -> list[Piece]:
    """Return the packages of the table PIECES that environment.yml names."""
    return [piece for piece in PIECES if piece.name in packages.names]
