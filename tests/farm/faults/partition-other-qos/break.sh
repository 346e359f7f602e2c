sacctmgr --immediate add qos gold
scontrol update PartitionName=jupyter-long AllowQos=gold
