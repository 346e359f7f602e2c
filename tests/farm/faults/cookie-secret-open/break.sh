modes 644 "$STATE/cookie_secret"
