scontrol update PartitionName=jupyter-overflow State=INACTIVE
