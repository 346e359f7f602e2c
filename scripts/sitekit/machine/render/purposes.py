"""What each file and link of a site is for, in one sentence: for `make diff` and for the page of
installer actions."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

PURPOSES = {
    "/etc/sitekit/*/site.yml": "the site with every default written out, for the hub",
    "/etc/sitekit/*/jupyterhub_config.py": "the hub's configuration: it reads site.yml",
    "/etc/sitekit/*/culler_config.py": "idle-culler's configuration: it reads site.yml",
    "/etc/sitekit/*/local.d/*.py": "raw configuration of the site's own, read last",
    "/etc/sitekit/*/local.d/*.conf": "directives of the site's own for the web server",
    "/etc/sitekit/*/proxy.env": "the secret between hub and proxy, made up on this machine",
    "/etc/sitekit/*/internal/services-ca.*": "the authority that signs for hub, proxy and front; its key is root's",
    "/etc/sitekit/*/internal/servers-ca.*": "the authority that signs for users' servers and the culler",
    "/etc/sitekit/*/internal/hub.pem": "the hub's certificate and key towards proxy and servers",
    "/etc/sitekit/*/internal/proxy.pem": "the proxy's certificate and key towards hub and servers",
    "/etc/sitekit/*/internal/front.pem": "the web server's certificate and key towards the proxy",
    "/etc/sitekit/*/internal/culler.pem": "idle-culler's certificate and key towards the hub",
    "/etc/sitekit/*/tls/cert.pem": "the self-signed certificate, made up on this machine",
    "/etc/sitekit/*/tls/key.pem": "its key, made up on this machine",
    "/etc/sitekit/*/tls/openid.conf": "the web server's secrets towards the OpenID provider",
    "/etc/sitekit/*/apache.conf": "the configuration of the site's own Apache",
    "/etc/sitekit/*/nginx.conf": "the configuration of the site's own nginx",
    "/etc/sitekit/*/supervisord.conf": "the services, for a supervisord of the site's own",
    "/etc/apache2/sites-available/*": "a virtual host of this machine's Apache",
    "/etc/apache2/sites-enabled/*": "takes the virtual host into use",
    "/etc/apache2/mods-enabled/*": "a module that it needs, or that one of these needs; enabled ones stay as they are",
    "/etc/httpd/conf.d/*": "a virtual host of this machine's Apache",
    "/etc/nginx/conf.d/*": "a server of this machine's nginx",
    "/etc/nginx/sites-available/*": "a server of this machine's nginx",
    "/etc/nginx/sites-enabled/*": "takes that server into use",
    "/etc/systemd/system/*-proxy.service": "configurable-http-proxy as a service",
    "/etc/systemd/system/*-hub.service": "JupyterHub as a service",
    "/etc/systemd/system/*-front.service": "the site's own web server as a service",
    "/etc/systemd/system/*-kernels.*": "the daily test of the kernels",
    "/etc/systemd/system/*-backup.*": "the nightly backup",
    "/etc/systemd/system/*-renewal.*": "takes a renewed certificate into use when its files change",
    "/etc/systemd/system/*-certificate.*": "the daily look at how long the certificate lasts",
    "/etc/pam.d/*": "how people log in",
    "/etc/sudoers.d/*": "the rules by which the hub starts the gate as a cluster user",
    "/etc/logrotate.d/*": "how long the web server's logs are kept",
    "/usr/local/libexec/sitekit/*/gate": "the program behind the sudo rule: submits, cancels, reads logs as the user",
    "/usr/local/libexec/sitekit/*/end": "the same program by another name: cancels the servers of those who have left",
    "/usr/local/libexec/sitekit/*/gate.json": "what the gate knows of the site",
    "/usr/local/libexec/sitekit/*/take_certificate": "puts a certificate that certbot got in its place",
    "/usr/local/libexec/sitekit/*/proxy/*.mjs": "what the proxy loads first: it asks whose server a request is for",
    "/usr/local/libexec/sitekit/*/reload_certificate": "has the web server take a renewed certificate into use",
    "/usr/local/libexec/sitekit/*/job.sh": "the job script that the gate submits",
}


def purpose(path: Path) -> str:
    """Raises KeyError for a file that nobody has told the purpose of."""
    for pattern, text in PURPOSES.items():
        if fnmatchcase(str(path), pattern):
            return text
    raise KeyError(f"tell in purposes.py what {path} is for")
