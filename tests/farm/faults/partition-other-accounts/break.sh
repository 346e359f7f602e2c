scontrol update PartitionName=jupyter-long AllowAccounts=services
