keep "$STATE/cookie_secret"
echo secret >"$STATE/cookie_secret"
