"""A second, temporary hub of the same release, with the spawners of others: ProfilesSpawner and
SlurmSpawner, or jupyterhub_moss's MOSlurmSpawner, as released, with their defaults."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import psutil

from sitekit.base.run_program import identity

from ..packages import install_pinned
from .common import Bench, ended, free_ports, memory, secret, sudo_rule
from .moments import uptime

JOB_NAME = "spawner-jupyterhub"  # of batchspawner's own template
CONFIG = Path(__file__).with_name("upstream_config.py")
MOSS = Path(__file__).with_name("jupyterhub_moss.txt")


class UpstreamHub:
    """The hub as a context: `start` and `stop` one server of `user`. With `moss`, the hub has
    jupyterhub_moss's spawner."""

    def __init__(self, bench: Bench, user: str, tier: str, *, moss: bool = False) -> None:
        self._bench, self._user, self._tier = bench, user, bench.site.tier(tier)
        self._moss = moss
        self._stack = ExitStack()

    def __enter__(self) -> UpstreamHub:
        with self._stack:
            self._bring_up()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _bring_up(self) -> None:
        site, token = self._bench.site, secret()
        slurm = site.slurm.bin
        programs = ", ".join(str(slurm / name) for name in ("sbatch", "squeue", "scancel"))
        self._stack.enter_context(
            sudo_rule(f"{site.hub.user} ALL=({self._user}) NOPASSWD:SETENV: {programs}")
        )
        folder = Path(tempfile.mkdtemp(prefix="sitekit-bench-"))
        self._stack.callback(shutil.rmtree, folder)
        if self._moss:
            install_pinned(MOSS, folder / "packages")
        shutil.chown(folder, site.hub.user)
        hub, proxy, api = free_ports(3)
        told = {
            "hub": hub,
            "proxy": proxy,
            "api": api,
            "token": token,
            "user": self._user,
            "release": str(site.current / "bin"),
            "slurm": str(slurm),
            "conf": str(site.slurm.conf),
            "partition": self._tier.partitions[0],
            "memory": f"{self._tier.memory}M",
            "cpus": str(self._tier.cpus),
            "minutes": str(self._tier.time // 60),
            "packages": str(folder / "packages") if self._moss else "",
        }
        self._options = self._options_of_moss() if self._moss else {"profile": "small"}
        config = folder / "jupyterhub_config.py"
        figures = folder / "figures.json"
        config.write_text(CONFIG.read_text())
        figures.write_text(json.dumps(told))
        for file in (config, figures):
            shutil.chown(file, site.hub.user)
            file.chmod(0o600)
        environment = {
            "PATH": f"{site.current}/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(folder),
        }
        environment["SLURM_CONF"] = str(site.slurm.conf)
        environment["FIGURES"] = str(figures)
        self._log = folder / "hub.log"
        self._process = self._stack.enter_context(
            ended(
                subprocess.Popen(
                    [site.current / "bin" / "jupyterhub", "-f", config],
                    stdin=subprocess.DEVNULL,
                    stdout=self._log.open("w"),
                    stderr=subprocess.STDOUT,
                    cwd=folder,
                    env=environment,
                    start_new_session=True,
                    **identity(site.hub.user),
                )
            )
        )
        self._stack.callback(self._no_jobs)
        headers = {"Authorization": f"token {token}"}
        self._http = self._stack.enter_context(
            httpx.Client(base_url=f"http://127.0.0.1:{proxy}", headers=headers, timeout=90)
        )
        self._until_up()

    def _until_up(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if self._http.get("/hub/api/").status_code == 200:
                    assert self._http.post(f"/hub/api/users/{self._user}").status_code in (201, 409)
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.3)
        raise SystemExit("The temporary hub did not come up:\n" + self._log.read_text()[-3000:])

    def start(self) -> tuple[float, float, int]:
        asked = uptime()
        answer = self._http.post(f"/hub/api/users/{self._user}/server", json=self._options)
        if answer.status_code == 202:  # it takes longer than 10 s
            with self._http.stream("GET", f"/hub/api/users/{self._user}/server/progress") as events:
                assert any('"ready": true' in line for line in events.iter_lines()), (
                    self._log.read_text()[-3000:]
                )
        else:
            assert answer.status_code == 201, answer.text + self._log.read_text()[-3000:]
        answered = uptime()
        assert self._http.get(f"/user/{self._user}/api").status_code == 200
        words = (
            "--noheader",
            "--states=running",
            f"--user={self._user}",
            f"--name={JOB_NAME}",
            "--format=%i",
        )
        [job] = self._bench.slurm("squeue", *words).splitlines()
        return asked, answered, int(job)

    def _options_of_moss(self) -> dict[str, object]:
        """What the form of jupyterhub_moss makes of the same request (its models.py, UserOptions)."""
        empty = ("reservation", "options", "environment_id", "environment_modules", "gres")
        return {
            **dict.fromkeys((*empty, "root_dir", "prologue"), ""),
            "partition": self._tier.partitions[0],
            "runtime": str(self._tier.time // 60),
            "nprocs": self._tier.cpus,
            "memory": f"{self._tier.memory}M",
            "ngpus": 0,
            "output": "/dev/null",
            "environment_path": str(self._bench.site.current / "bin"),
            "default_url": "/lab",
        }

    def stop(self) -> None:
        self._http.delete(f"/hub/api/users/{self._user}/server")
        self._no_jobs()
        deadline = time.monotonic() + 60
        while (
            self._http.get(f"/hub/api/users/{self._user}").json()["servers"]
            and time.monotonic() < deadline
        ):
            time.sleep(0.3)

    def _no_jobs(self) -> None:
        self._bench.slurm("scancel", f"--name={JOB_NAME}", f"--user={self._user}")
        while self._bench.slurm(
            "squeue", "--noheader", f"--name={JOB_NAME}", f"--user={self._user}"
        ):
            time.sleep(0.3)

    def memory(self) -> int:
        """The hub's resident memory, in MiB."""
        return memory(psutil.Process(self._process.pid))
