stop proxy
hold 18000
