scontrol update PartitionName=jupyter-long OverSubscribe=EXCLUSIVE
