away "/etc/pam.d/$UNIT"
