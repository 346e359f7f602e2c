conf "MinJobAge=300" "MinJobAge=2"
