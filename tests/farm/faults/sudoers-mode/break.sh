modes 644 "/etc/sudoers.d/$UNIT"
