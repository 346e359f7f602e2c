scontrol update PartitionName=jupyter-long State=DOWN
