keep "/etc/pam.d/$UNIT"
sed -i "s/pam_unix.so/pam_nothing.so/" "/etc/pam.d/$UNIT"
