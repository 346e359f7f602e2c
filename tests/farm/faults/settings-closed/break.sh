modes 700 /etc/sitekit
