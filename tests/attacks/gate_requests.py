"""What the gate must refuse: hostile values of every key, keys that it does not know, and what is
no request at all."""

from __future__ import annotations

import json
from typing import Any

from .gate import good

EVIL = {
    "newline": "abc\nid",
    "trailing newline": "abc\n",
    "carriage return": "abc\rid",
    "directive": "abc\n#SBATCH --uid=0",
    "double quote": 'a"b',
    "single quote": "a'b",
    "NUL": "a\0b",
    "blank": "a b",
    "option": "--wrap=id",
    "dash": "-a",
    "substitution": "$(id)",
    "backticks": "`id`",
    "separator": "a;id",
    "equals": "a=b",
    "slash": "../a",
    "percent": "%j",
    "comma": ",",
    "other digits": "\uff11",
    "half a character": "\ud800",
    "long": "x" * 300,
    "empty": "",
    "number": 7,
    "true": True,
    "null": None,
    "list": ["jupyter-short"],
    "mapping": {"a": "b"},
}
REQUESTS: dict[str, Any] = {
    **{
        f"{key}: {name}": good(**{key: value})
        for key in ("tag", "partitions", "account")
        for name, value in EVIL.items()
    },
    **{
        f"{key}: {name}": good(**{key: value})
        for key in ("qos", "reservation", "constraint", "gres", "exclude")
        for name, value in EVIL.items()
        if name
        in (
            "newline",
            "trailing newline",
            "NUL",
            "double quote",
            "single quote",
            "dash",
            "blank",
            "list",
        )
    },
    **{
        f"tag: {tag!r}": good(tag=tag)
        for tag in ("a77ac4a77ac4a77a\n", "A77AC4A77AC4A77A", "a77ac4a7", "a77ac4a77ac4a77ab")
    },
    **{
        f"gres: {gres!r}": good(gres=gres)
        for gres in (
            "gpu:1\n",
            "gpu:",
            "gpu:a100:",
            "gpu::1",
            "gpu:1,fpga:1",
            "fpga:1",
            "gpu:1:2:3",
            "gpu:9999",
        )
    },
    **{
        f"{key}: {value!r:.20}": good(**{key: value})
        for key in ("memory", "cpus", "minutes")
        for value in (
            0,
            -1,
            1.0,
            True,
            "1",
            "1;id",
            None,
            [1],
            2**64,
            ...,
            float("nan"),
            float("inf"),
        )
    },
    **{
        f"without {key}": good(**{key: ...}) for key in ("verb", "tag", "partitions", "environment")
    },
    **{
        f"also {key}": good(**{key: "id"})
        for key in (
            "wrap",
            "script",
            "uid",
            "user",
            "options",
            "export",
            "output",
            "job_name",
            "--wrap",
            "",
            "chdir",
            "job",
        )
    },
    **{
        f"verb {verb!r:.20}": {"verb": verb, "job": 1}
        for verb in ("exec", "", "SUBMIT", "submit ", None, 1, True, [], {})
    },
    **{
        f"{verb} {job!r:.20}": {"verb": verb, "job": job}
        for verb in ("cancel", "log")
        for job in (
            0,
            -1,
            1.5,
            True,
            "1",
            "1 2",
            "1;id",
            "../../../etc/passwd",
            "/etc/shadow",
            [1],
            None,
            2**40,
            {"a": 1},
        )
    },
    "cancel of another user": {"verb": "cancel", "job": 1, "user": "bob"},
    "cancel of all": {"verb": "cancel"},
    "cancel with a signal": {"verb": "cancel", "job": 1, "signal": "KILL"},
    "log with a path": {"verb": "log", "job": 1, "path": "/etc/passwd"},
    "log with lines": {"verb": "log", "job": 1, "lines": 10**9},
    "a list": [good()],
    "a text": '"submit"',
    "nothing": "",
    "a number": "1",
    "null": "null",
    "no JSON": "verb=submit",
    "half": json.dumps(good())[:-1],
    "two": json.dumps(good()) + json.dumps(good()),
    "not UTF-8": b'{"verb": "log", "job": 1, "\xff": 1}',
    "NULs": b"\0" * 1000,
    "too long": json.dumps(good()) + " " * 70_000,
    "much too long": b"x" * 10_000_000,
    "deep": "[" * 30_000,
    "many digits": '{"verb": "log", "job": ' + "9" * 20_000 + "}",
}
VARIABLES: dict[str, Any] = {
    **{
        name: {name: "/tmp/x"}
        for name in (
            *(
                "LD_PRELOAD",
                "LD_LIBRARY_PATH",
                "PATH",
                "PYTHONPATH",
                "PYTHONHOME",
                "PYTHONSTARTUP",
                "BASH_ENV",
                "ENV",
            ),
            *(
                "HOME",
                "USER",
                "SHELL",
                "IFS",
                "SLURM_CONF",
                "SBATCH_PARTITION",
                "SITEKIT_SESSION",
                "JUPYTER_PATH",
            ),
            *(
                "JUPYTER_CONFIG_DIR",
                "jupyterhub_x",
                "JUPYTERHUB_",
                "JUPYTERHUB_x",
                "XJUPYTERHUB_X",
                "JUPYTERHUB_X=Y",
            ),
            *(
                "JUPYTERHUB_X\nLD_PRELOAD",
                "JUPYTERHUB_X\n",
                "JUPYTERHUB_X ",
                "JUPYTERHUB_" + "X" * 60,
                "MEM_LIMITS",
                "BASH_FUNC_ls%%",
                "",
            ),
        )
    },
    **{
        f"value {value!r:.20}": {"JUPYTERHUB_X": value}
        for value in (
            "a\nb",
            "a\n",
            "a\0b",
            "a\rb",
            "\x1b[2J",
            "\x7f",
            "\x85",
            "\ud800",
            "x" * 9000,
            1,
            True,
            None,
            ["a"],
            {"a": "b"},
        )
    },
    "a list": ["JUPYTERHUB_X=1"],
    "a text": "JUPYTERHUB_X=1",
    "null": None,
}
