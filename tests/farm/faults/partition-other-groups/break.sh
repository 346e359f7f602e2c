scontrol update PartitionName=jupyter-long AllowGroups=root
