conf "MinJobAge=300" "MinJobAge=300\nPrivateData=jobs"
