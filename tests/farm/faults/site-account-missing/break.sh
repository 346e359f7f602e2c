edit tiers.0.account physics
