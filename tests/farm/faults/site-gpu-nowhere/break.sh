edit tiers.0.gpus 1
