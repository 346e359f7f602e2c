edit tiers.0.memory_cap 9x
