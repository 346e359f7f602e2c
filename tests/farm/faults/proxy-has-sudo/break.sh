fresh /etc/sudoers.d/zz
echo "jupyterhub-proxy ALL=(ALL) NOPASSWD: /bin/true" >/etc/sudoers.d/zz
chmod 440 /etc/sudoers.d/zz
