scontrol update NodeName=demo1 State=DRAIN Reason="disk is broken"
