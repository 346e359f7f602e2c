keep "$ETC/apache.conf"
sed -i '/LoadModule proxy_module/d' "$ETC/apache.conf"
