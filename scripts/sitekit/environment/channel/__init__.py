"""Exactly which packages a release is made of, as rattler solves it, from the source that answers."""

ENGINE = "sitekit.environment.channel.rattler_engine"
