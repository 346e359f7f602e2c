edit hub.port 26817
