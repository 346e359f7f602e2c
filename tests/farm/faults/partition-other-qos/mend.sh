scontrol update PartitionName=jupyter-long AllowQos=ALL
sacctmgr --immediate delete qos gold
