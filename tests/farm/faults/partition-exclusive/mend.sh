scontrol update PartitionName=jupyter-long OverSubscribe=FORCE:10
