edit tiers.1.memory 900G
