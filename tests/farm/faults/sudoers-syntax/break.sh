fresh /etc/sudoers.d/zz
echo "this is no rule" >/etc/sudoers.d/zz
chmod 440 /etc/sudoers.d/zz
