scontrol update PartitionName=jupyter-long State=UP
