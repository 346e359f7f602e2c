"""Channels behind mirrors, logins and a proxy, pip's part, and a bundle that needs no network: with
real servers."""

from __future__ import annotations

import base64
import http.server
import json
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import release_parts as parts
import small_checkout as small

from sitekit.environment import build_release, commands
from sitekit.environment.channel import choose_source
from sitekit.environment.channel.pin_pip_packages import pin
from sitekit.environment.release import releases
from sitekit.environment.wheels.environment_yml import Packages
from sitekit.site import Site
from sitekit.site.settings import Environment

pytestmark = parts.needs_system_python
LOGIN = {"BasicHTTP": {"username": "me", "password": "secret"}}


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.channel(tmp_path_factory.mktemp("channel"))


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder, as a channel or as a proxy; `asked` are the hosts. With `login`, to those
    who have one."""

    def __init__(self, folder: Path, login: bool = False) -> None:
        self.asked: list[str] = []
        wanted = "Basic " + base64.b64encode(b"me:secret").decode() if login else None
        server = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def send_head(self):  # type: ignore[no-untyped-def]
                server.asked.append(urlsplit(self.path).hostname or "itself")
                if wanted and self.headers.get("Authorization") != wanted:
                    return self.send_error(401)
                self.path = urlsplit(self.path).path
                return super().send_head()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), lambda *words: Handler(*words, directory=str(folder)))
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(commands, "read_packages", lambda: Packages(("python", "hello"), ()))
    monkeypatch.setattr(build_release, "LOCK", tmp_path / "environment.lock")
    # on a busy machine, the server of a test may answer late
    monkeypatch.setattr(choose_source, "ANSWER_TIMEOUT", 300)
    yield parts.site_at(tmp_path, "http://conda.invalid/main")


def reached(site: Site, **environment: object) -> Site:
    values = {"channels": site.environment.channels, "fallback": "none", **environment}
    return site.model_copy(update={"environment": Environment.model_validate(values)})


def test_a_mirror_is_asked_instead_and_the_channel_keeps_its_name(
    site: Site, channel: Path
) -> None:
    with Server(channel) as server:
        commands.setup_conda(reached(site, mirrors={"http://conda.invalid/main": [server.url]}))
        server.shutdown()
    [release] = releases.releases(site)
    record = json.loads(next((release.path / "conda-meta").glob("hello-*.json")).read_text())
    assert record["channel"].startswith("http://conda.invalid/main")
    assert set(server.asked) == {"itself"}


def test_a_login_is_taken_from_its_file_alone(site: Site, channel: Path, tmp_path: Path) -> None:
    logins = tmp_path / "logins.json"
    logins.write_text(json.dumps({"127.0.0.1": LOGIN}))
    logins.chmod(0o600)
    with Server(channel, login=True) as server:
        bare = reached(site, channels=[server.url])
        with pytest.raises(commands.Problem, match="wants a login"):
            commands.setup_conda(bare)
        known = reached(site, channels=[server.url], credentials=logins)
        commands.setup_conda(known)
        logins.chmod(0o644)
        with pytest.raises(commands.Problem, match="others can read it"):
            commands.lock(known)
        server.shutdown()
    [release] = releases.releases(site)
    assert release.installed
    assert not any(
        b"secret" in file.read_bytes() for file in release.path.glob("*.*") if file.is_file()
    )


def test_a_proxy_is_gone_through(
    site: Site, channel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    (channel / "main").symlink_to(".")
    with Server(channel) as server:
        before = dict(os.environ)
        commands.setup_conda(reached(site, proxy=server.url))
        assert dict(os.environ) == before
        server.shutdown()
    (channel / "main").unlink()
    assert set(server.asked) == {"conda.invalid"}
    assert releases.releases(site)[0].installed


@pytest.fixture
def pypi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder instead of PyPI, with `extra`, which needs `words` (conda has it) and `more`."""
    folder = tmp_path / "pypi"
    folder.mkdir()
    needs = ("words>=1", "more")
    parts.wheel(
        folder,
        "extra",
        {"extra.py": "import more, words\n"},
        requires=needs,
        scripts="extra = extra:more.main",
    )
    parts.wheel(folder, "more", {"more.py": "def main(): print('more')\n"})
    parts.wheel(folder, "words", {"words.py": "GREETING = 'from PyPI'\n"}, version="2.0")
    parts.wheel(folder, "words", {"words.py": "GREETING = 'from PyPI'\n"}, version="1.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_pips_part_is_pinned_by_hash_and_leaves_condas_alone(pypi: Path, tmp_path: Path) -> None:
    found = [{"name": "python", "version": parts.VERSION}, {"name": "words", "version": "1.0"}]
    pinned = pin(Packages(("python", "words"), ("extra ==1.*",)), found, tmp_path)
    assert [line.split(" --hash=sha256:")[0] for line in pinned] == ["extra==1.0", "more==1.0"]
    assert all(len(line.partition(" --hash=sha256:")[2]) == 64 for line in pinned)


def test_pips_part_is_installed(
    site: Site, channel: Path, pypi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = Packages(("python", "pip", "words"), ("extra",))
    monkeypatch.setattr(commands, "read_packages", lambda: wanted)
    commands.setup_conda(reached(site, channels=[str(channel)]))
    [release] = releases.releases(site)
    said = subprocess.run(
        [release.path / "bin/extra"], capture_output=True, text=True, check=True, timeout=300
    )
    assert said.stdout == "more\n"
    assert [line.split()[0] for line in release.facts["pip"]] == ["extra==1.0", "more==1.0"]


NETLESS = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a network namespace")
def test_a_bundle_is_all_that_a_closed_network_needs(channel: Path, tmp_path: Path) -> None:
    """Made from a channel on a web server; installed by the kit that is in it, where there is no
    network at all."""
    with Server(channel) as server:
        open_ = small.checkout(tmp_path / "open", server.url, tmp_path / "one")
        # the site's own
        (open_.folder / "config/environment.yml").write_text("dependencies: [stone-age]\n")
        open_.make("setup_conda", "install_all")
        file = tmp_path / "a bundle.tar"
        open_.make("bundle", f"FILE={file}")
        server.shutdown()
    with tarfile.open(file) as archive:
        names = set(archive.getnames())
        sbom = json.load(archive.extractfile("sbom.cdx.json"))
    assert {"SHA256SUMS", "environment.lock", "kit/Makefile", "kit/scripts/kit"} <= names
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.5")
    assert {"hello", "stone-age", "python", "py-rattler"} <= {
        one["name"] for one in sbom["components"]
    }
    assert len({one["bom-ref"] for one in sbom["components"]}) == len(sbom["components"])

    subprocess.run(["tar", "-xf", file, "-C", tmp_path, "kit"], check=True, timeout=300)
    closed = small.Checkout.__new__(small.Checkout)
    closed.folder, closed.file = tmp_path / "kit", tmp_path / "kit/config/site.yml"
    closed.file.write_text(
        open_.file.read_text().replace(str(tmp_path / "one"), str(tmp_path / "two"))
    )
    said = closed.make("setup_conda", "install_all", before=NETLESS, BUNDLE=str(file))
    assert "preparing .kit" in said and "every checksum is right" in said
    assert small.works(closed.site) == small.works(open_.site)
    assert "Nothing to do" in closed.make("setup_conda", "install_all", before=NETLESS)

    with tarfile.open(file) as archive:  # a bit between two files would be no damage
        largest = max(archive, key=lambda member: member.size)
    damaged = bytearray(file.read_bytes())
    damaged[largest.offset_data + largest.size // 2] ^= 1
    (tmp_path / "damaged.tar").write_bytes(damaged)
    (tmp_path / "short.tar").write_bytes(file.read_bytes()[: len(damaged) // 2])
    for name in ("damaged.tar", "short.tar"):
        elsewhere = closed.file.read_text().replace(str(tmp_path / "two"), str(tmp_path / "three"))
        closed.file.write_text(elsewhere)
        said = closed.make("setup_conda", before=NETLESS, code=2, BUNDLE=str(tmp_path / name))
        assert "copy it again" in said or "not in its list" in said, said
    assert not (tmp_path / "three/releases").exists() or not list(
        (tmp_path / "three/releases").iterdir()
    )
