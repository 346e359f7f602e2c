modes 755 "$STATE"
