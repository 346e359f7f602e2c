owner root "$STATE/cookie_secret"
