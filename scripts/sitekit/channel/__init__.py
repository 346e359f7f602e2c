"""Exactly which packages a release is made of, as rattler solves it, from the source that answers."""

ENGINE = "sitekit.channel.engine"
"""The one module that loads rattler. It is run, by child.ask, and never imported."""
