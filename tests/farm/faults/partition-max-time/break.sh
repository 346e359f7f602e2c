scontrol update PartitionName=jupyter-long MaxTime=60
