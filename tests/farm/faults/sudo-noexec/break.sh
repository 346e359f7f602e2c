fresh /etc/sudoers.d/zz
echo "Defaults noexec" >/etc/sudoers.d/zz
chmod 440 /etc/sudoers.d/zz
