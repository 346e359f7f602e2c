keep "$ETC/site.yml"
echo "nonsense: 1" >>"$ETC/site.yml"
