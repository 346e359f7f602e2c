scontrol update PartitionName=jupyter-long MaxTime=5-00:00:00
