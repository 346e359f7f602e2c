fresh /etc/sudoers.d/zz
echo "jupyterhub-daemon ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/zz
chmod 440 /etc/sudoers.d/zz
