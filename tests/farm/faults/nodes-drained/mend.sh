scontrol update NodeName=demo[1-2] State=RESUME
