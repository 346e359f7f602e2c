scontrol update PartitionName=jupyter-long AllowAccounts=ALL
