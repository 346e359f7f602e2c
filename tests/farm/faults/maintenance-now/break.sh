scontrol create reservation ReservationName=works StartTime=now Duration=60 Nodes=ALL Users=root Flags=MAINT,IGNORE_JOBS
