keep "$ETC/apache.conf"
echo "Nonsense on" >>"$ETC/apache.conf"
