edit tiers.0.reservation class-of-last-year
