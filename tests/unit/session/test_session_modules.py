"""The Software Modules tab's requests to a real server, with the real Lmod: what they do, and what
they leave alone."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from session_parts import USER_TOKEN, Server, session, until
from tests.processes import words_of
from tests.terminal import typed

pytestmark = pytest.mark.usefixtures("hub_environment")

TOOLS = 'prepend_path("PATH", "{folder}/bin")\nsetenv("TOOLS", "2")\nprepend_path("PYTHONPATH", "{folder}/python")\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A session on a module tree of its own. `tools/2.0` brings a program, and a Python package
    that breaks kernels."""
    folder = tmp_path_factory.mktemp("modules")
    for name, text in {
        "bin/tool": "#!/bin/sh\necho tool 2\n",
        "python/ipykernel.py": "raise ImportError\n",
    }.items():
        (folder / name).parent.mkdir()
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    for name, text in {
        "tools/2.0": TOOLS,
        "gcc/12.2": 'family("compiler")\n',
        "broken/1.0": 'LmodError("no <b>")\n',
    }.items():
        (folder / "tree" / name).parent.mkdir(parents=True)
        (folder / "tree" / f"{name}.lua").write_text(text.format(folder=folder))
    with session({"modulepath": str(folder / "tree")}) as (_, server):
        yield server
        assert b"tools" not in Path(f"/proc/{server.process.pid}/environ").read_bytes()


@pytest.fixture(autouse=True)
def nothing_loaded(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    server = request.getfixturevalue("server")
    if loaded := server.ask("GET", "module"):
        server.ask("DELETE", "module", {"modules": loaded})


def test_it_lists_loads_shows_and_unloads(server: Server) -> None:
    assert server.ask("GET", "module/system") == "lmod"
    assert server.ask("GET", "module/modules") == ["broken/1.0", "gcc/12.2", "tools/2.0"]
    assert server.ask("GET", "module") == []
    assert server.ask("POST", "module", {"modules": ["gcc/12.2", "tools/2.0"]}) is None
    assert server.ask("GET", "module") == ["gcc/12.2", "tools/2.0"]
    assert 'setenv("TOOLS","2")' in server.ask("GET", "module/modules/tools/2.0")
    assert server.ask("DELETE", "module", {"modules": ["gcc/12.2"]}) is None
    assert server.ask("GET", "module") == ["tools/2.0"]


def test_collections_are_saved_and_restored(server: Server) -> None:
    server.ask("POST", "module", {"modules": ["tools/2.0"]})
    assert "Saved" in server.ask("POST", "module/collections", {"name": "mine"})
    assert server.ask("GET", "module/collections") == ["mine"]
    server.ask("DELETE", "module", {"modules": ["tools/2.0"]})
    assert server.ask("GET", "module") == []
    server.ask("PATCH", "module/collections", {"name": "mine"})
    assert server.ask("GET", "module") == ["tools/2.0"]


def test_a_module_that_fails_says_so_and_changes_nothing(server: Server) -> None:
    server.ask("POST", "module", {"modules": ["gcc/12.2"]})
    told = server.ask("POST", "module", {"modules": ["tools/2.0", "broken/1.0"]})
    assert "no &lt;b&gt;" in told and "<" not in told
    assert server.ask("GET", "module") == ["gcc/12.2"]


@pytest.mark.parametrize("word", ["a b", "a;b", "$a", "-f", "é"])
def test_what_is_no_name_is_refused(server: Server, word: str) -> None:
    for method, path, body in (
        ("POST", "module", {"modules": [word]}),
        ("DELETE", "module", {"modules": [word]}),
        ("POST", "module/paths", {"paths": [word]}),
        ("PATCH", "module/collections", {"name": word}),
        ("GET", f"module/modules/{quote(word)}", None),
    ):
        assert server.ask(method, path, body).startswith("not the name of a module"), path


def test_what_is_loaded_reaches_terminals_and_no_kernel(server: Server) -> None:
    server.ask("POST", "module", {"modules": ["tools/2.0"]})
    kernel = server.ask("POST", "api/kernels", {"name": "own"})["id"]
    [child] = until(lambda: kernels_of(server), server.said)
    told = Path(f"/proc/{child}/environ").read_bytes()
    assert b"tools" not in told and b"PYTHONPATH" not in told
    server.ask("DELETE", f"api/kernels/{kernel}")
    shown = "tool; echo [$TOOLS]; command -v sitekit-kernel jupyter-lab; LMOD_PAGER=none module --terse list 2>&1"
    said = in_terminal(server, shown)
    assert "tool 2" in said and "[2]" in said and "tools/2.0" in said
    assert "/jupyter-lab" not in said.replace("sitekit-kernel jupyter-lab", ""), (
        "the hub environment is on PATH"
    )


def test_users_own_kernels_are_offered_and_hide_none(server: Server) -> None:
    for name in ("own", "my-own"):
        folder = server.home / ".local/share/jupyter/kernels" / name
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(
            json.dumps({"argv": ["x"], "display_name": "Mine", "language": "python"})
        )
    specs = server.ask("GET", "api/kernelspecs")["kernelspecs"]
    assert {
        name: spec["spec"]["display_name"] for name, spec in specs.items() if "own" in name
    } == {
        "own": "P",
        "my-own": "Mine",
    }


def kernels_of(server: Server) -> list[int]:
    """The processes of the server's kernels, among other children that may end at any time."""
    found = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    words = {int(pid): words_of(Path("/proc", pid)) for pid in found.split()}
    return [pid for pid, line in words.items() if any("ipykernel" in word for word in line)]


def in_terminal(server: Server, line: str) -> str:
    """What a new terminal shows after `line`."""
    name = server.ask("POST", "api/terminals")["name"]
    address = f"ws://127.0.0.1:{server.port}/user/u/terminals/websocket/{name}"
    try:
        return typed(address, line, header={"Authorization": f"token {USER_TOKEN}"})
    finally:
        server.ask("DELETE", f"api/terminals/{name}")


def asked(server: Server, path: str, method: str = "GET", **headers: str) -> int:
    """The code that a request with these headers gets."""
    url = f"http://127.0.0.1:{server.port}/user/u/{path}"
    request = urllib.request.Request(
        url, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=180) as answer:  # noqa: S310
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_nobody_is_answered_without_the_hubs_word(server: Server) -> None:
    for path in (
        "module",
        "module/modules/gcc",
        "module/collections",
        "module/paths",
        "module/folders/",
        "module/logo",
    ):
        assert asked(server, path) == 403
        assert asked(server, path, Authorization="token another") == 403
