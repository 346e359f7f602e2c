keep "$ETC/proxy.env"
echo "CONFIGPROXY_AUTH_TOKEN=x" >"$ETC/proxy.env"
