"""Have a server write its handlers, with all that each derives from, to the file $LISTED."""

import json
import os
from collections.abc import Iterator
from typing import Any

from jupyter_server.serverapp import ServerApp
from tornado.routing import Router


def listed(rules: list[Any]) -> Iterator[list[Any]]:
    for rule in rules:
        inner = getattr(rule.target, "wildcard_router", rule.target)
        if hasattr(inner, "rules"):
            yield from listed(inner.rules)
        elif isinstance(inner, Router):  # session/imports/load_on_first_request.py
            inner.load()  # adds rules behind this one
        else:
            kinds = [f"{kind.__module__}:{kind.__qualname__}" for kind in rule.target.__mro__]
            yield [getattr(getattr(rule.matcher, "regex", None), "pattern", ""), kinds]


def list_and_go_on(app: ServerApp, start: Any = ServerApp.init_httpserver) -> None:
    with open(os.environ["LISTED"], "w") as file:
        json.dump(list(listed(app.web_app.default_router.rules)), file)
    start(app)


ServerApp.init_httpserver = list_and_go_on
