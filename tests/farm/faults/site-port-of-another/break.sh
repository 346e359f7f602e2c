hold 20555
edit hub.port 20555
