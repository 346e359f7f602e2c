accounts
sed -i '/^jupyter-users:/s/$/,zoe/' /etc/group
