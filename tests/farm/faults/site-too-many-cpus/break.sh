edit tiers.1.cpus 64
