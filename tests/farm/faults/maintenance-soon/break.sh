scontrol create reservation ReservationName=works StartTime=now+2hours Duration=60 Nodes=ALL Users=root Flags=MAINT,IGNORE_JOBS
