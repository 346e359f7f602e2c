"""Determine the exact packages of a release, with rattler."""

ENGINE = "sitekit.environment.channel.rattler_engine"
