scontrol update NodeName=demo1 State=RESUME
