edit tiers.2.time 9-00:00:00
