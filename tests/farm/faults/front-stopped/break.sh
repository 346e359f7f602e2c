stop front
