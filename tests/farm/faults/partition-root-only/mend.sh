scontrol update PartitionName=jupyter-long RootOnly=NO
