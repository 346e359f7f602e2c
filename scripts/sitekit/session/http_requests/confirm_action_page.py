"""Write a page with a button, on which the user confirms an action before the server performs it.
The confirmation page runs no script, and other pages cannot show it in a frame.
"""

from __future__ import annotations

from html import escape
from typing import Any

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:42em;margin:3em auto;padding:0 1em}"
    "dt{font-weight:bold}dd{margin:0 0 .6em;overflow-wrap:anywhere}pre{white-space:pre-wrap;overflow-wrap:anywhere}"
    "a.button,button{display:inline-block;font:inherit;padding:.4em 1.2em;border:0;border-radius:4px;"
    "background:#1a5fb4;color:#fff;text-decoration:none;cursor:pointer}"
)


def begin(handler: Any, heading: str, facts: dict[str, str] | None = None) -> None:
    """Write the head of the page: a heading, and facts as names and values.

    Heading, names and values are shown as plain text.
    """
    handler.clear_header("Content-Security-Policy")
    for name, value in HEADERS.items():
        handler.set_header(name, value)
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in (facts or {}).items()
    )
    handler.write(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(heading)}</title>'
        f"<style>{STYLE}</style><h1>{escape(heading)}</h1>" + (f"<dl>{rows}</dl>" if rows else "")
    )


def link(address: str, text: str) -> str:
    """Return the HTML of a link that looks like a button."""
    return f'<p><a class="button" href="{escape(address)}">{escape(text)}</a></p>'


def form(address: str, fields: dict[str, str], text: str) -> str:
    """Return the HTML of a button that sends the fields to `address` in a POST request."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in fields.items()
    )
    return f'<form method="post" action="{escape(address)}">{hidden}<button>{escape(text)}</button></form>'
