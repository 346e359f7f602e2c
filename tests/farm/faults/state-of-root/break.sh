owner root "$STATE"
