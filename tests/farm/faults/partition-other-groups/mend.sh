scontrol update PartitionName=jupyter-long AllowGroups=jupyter-users
