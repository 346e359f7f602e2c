conf "EnforcePartLimits=ALL" "EnforcePartLimits=NO"
