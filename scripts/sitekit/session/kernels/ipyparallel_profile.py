"""Write IPython's profile `slurm`, with which ipyparallel starts its engines as a Slurm job.

`ipyparallel.Cluster(profile="slurm", n=4)` reads the profile in every kernel that has ipyparallel.
The IPython profile `slurm` is in the user's home. If the user has removed sitekit's first line from
a file of the profile, sitekit does not overwrite this file.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ENGINE_TIMEOUT = 600
"""Seconds that ipyparallel waits for engines. ipyparallel's default is 60 seconds, but many jobs
wait longer in the queue."""
MARK = (
    "# sitekit writes this file at each start of a server. Remove this line to keep your changes.\n"
)
FOLDER = Path(".ipython", "profile_slurm")
CLUSTER, CONTROLLER = "ipcluster_config.py", "ipcontroller_config.py"


def write_profile(
    engines: Mapping[str, Any], home: Path, inside: Sequence[str] = (), node_home: str = ""
) -> None:
    """Write the profile below `home`; `engines` is the site's `server.ipyparallel`.

    `inside` is the command line that runs a program in the server's image on the node. `node_home`
    is the path of the home on the node. If the profile cannot be written, the server starts without
    this profile.
    """
    folder = home / FOLDER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(folder / CLUSTER, cluster_config(engines, inside, node_home))
        _write(folder / CONTROLLER, controller_config())
    except OSError as error:
        print(f"sitekit: {folder} cannot be written: {error.strerror}", flush=True)


def cluster_config(
    engines: Mapping[str, Any], inside: Sequence[str] = (), node_home: str = ""
) -> str:
    """Return the text of ipcluster_config.py.

    The number of CPUs is also passed to srun, because since Slurm 22.05 srun does not use the
    number that was passed to sbatch.
    """
    cpus, memory = int(engines["cpus"]), int(engines["memory"])
    program = _for_template(shlex.join(inside))
    script = [
        "#!/bin/sh",
        "#SBATCH --export=ALL",
        "#SBATCH --job-name=ipengine-{cluster_id}",
        *_folders(node_home),
        "#SBATCH --ntasks={n}",
        f"#SBATCH --cpus-per-task={cpus}",
        f"#SBATCH --mem-per-cpu={-(-memory // cpus)}M",
        f"#SBATCH --time={-(-int(engines['time']) // 60)}",
        f"#SBATCH --partition={engines['partition']}",
        " ".join(
            filter(None, ["exec srun", f"--cpus-per-task={cpus}", program, "{program_and_args}"])
        ),
    ]
    return (
        MARK
        + "c = get_config()  # noqa: F821\n"
        + 'c.Cluster.engine_launcher_class = "slurm"\n'
        + f"c.Cluster.engine_timeout = {ENGINE_TIMEOUT}\n"
        + "# engines on other nodes connect to the controller, which runs beside the kernel\n"
        + 'c.Cluster.controller_ip = "*"\n'
        + f"c.SlurmEngineSetLauncher.batch_template = {chr(10).join(script) + chr(10)!r}\n"
    )


def _folders(node_home: str) -> list[str]:
    """Return the lines with the job's folder and output file, as paths on the node.

    Slurm opens the output file on the node. The path of the home in the container can differ from
    the path on the node.
    """
    if not node_home:
        return ["#SBATCH --output={output_file}"]
    home = _for_template(node_home)
    # ipyparallel evaluates the text in braces as Python
    name = "{output_file.rpartition('/')[2]}"
    return [f"#SBATCH --chdir={home}", f"#SBATCH --output={home}/{FOLDER}/log/{name}"]


def _for_template(text: str) -> str:
    """Return the text with escaped braces. ipyparallel would otherwise replace names in braces."""
    return text.replace("{", "{{").replace("}", "}}")


def controller_config() -> str:
    """Return the text of ipcontroller_config.py.

    All users of the nodes can connect to the controller's ports. Therefore CurveZMQ encrypts all
    traffic, and refuses programs that do not have the keys in the user's profile.
    """
    return MARK + "c = get_config()  # noqa: F821\nc.IPController.enable_curve = True\n"


def _write(file: Path, text: str) -> None:
    """Write a file of the profile. If the user has removed sitekit's first line from this file, the
    file is not changed. Raises OSError if the file cannot be written."""
    if file.is_symlink() or (file.exists() and not _is_ours(file)):
        return
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    aside.write_text(text)
    aside.replace(file)


def _is_ours(file: Path) -> bool:
    """Return whether the first line of the file is the line that sitekit writes."""
    if not file.is_file():
        return False
    with file.open(errors="replace") as lines:
        return lines.readline(len(MARK) + 1) == MARK
