edit tiers.0.qos gold
