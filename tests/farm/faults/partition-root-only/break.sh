scontrol update PartitionName=jupyter-long RootOnly=YES
