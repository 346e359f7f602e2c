"""Choose the source of packages and solve environment.yml with py-rattler."""

ENGINE = "sitekit.environment.channel.rattler_engine"
