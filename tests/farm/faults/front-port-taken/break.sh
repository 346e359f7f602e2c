stop front
hold 8443
