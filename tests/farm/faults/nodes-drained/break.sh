scontrol update NodeName=demo[1-2] State=DRAIN Reason="disk is broken"
