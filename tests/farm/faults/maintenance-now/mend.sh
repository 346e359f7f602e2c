scontrol delete ReservationName=works
sleep 1
