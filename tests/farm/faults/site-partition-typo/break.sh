edit tiers.2.partitions "[jupyter-lnog]"
