scontrol update PartitionName=jupyter-overflow State=UP
