"""Describe the purpose of each file and link of a site in one sentence.

`make diff` and docs/installer-actions.md print these sentences.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

PURPOSES = {
    "/etc/sitekit/*/site.yml": "the site with every default written out, for the hub",
    "/etc/sitekit/*/jupyterhub_config.py": "the hub's configuration: it reads site.yml",
    "/etc/sitekit/*/culler_config.py": "idle-culler's configuration: it reads site.yml",
    "/etc/sitekit/*/local.d/*.py": "the site's own JupyterHub configuration, read last",
    "/etc/sitekit/*/local.d/*.conf": "the site's own directives for the web server",
    "/etc/sitekit/*/courses/*": "a course or its roster, which the hub reads again when it changes",
    "/etc/sitekit/*/proxy.env": "the hub's secret at the proxy's API, generated on this machine",
    "/etc/sitekit/*/database.pgpass": "the password with which the hub connects to its PostgreSQL database",
    "/etc/sitekit/*/monitoring/token": "the token with which Prometheus reads the hub's metrics, and nothing else",
    "/etc/sitekit/*/monitoring/hub_token": "the hub's copy of this token",
    "/etc/sitekit/*/monitoring/scrape.yml": "the scrape configuration for Prometheus",
    "/etc/sitekit/*/hub.env": "the hub's secret at the provider of logins, or the one that it shares with the front",
    "/etc/sitekit/*/internal/services-ca.*": "the authority that signs for hub, proxy and front; root has its key",
    "/etc/sitekit/*/internal/servers-ca.*": "the authority that signs for users' servers and the culler",
    "/etc/sitekit/*/internal/hub.pem": "the hub's certificate and key for connections with proxy and servers",
    "/etc/sitekit/*/internal/proxy.pem": "the proxy's certificate and key for connections with hub and servers",
    "/etc/sitekit/*/internal/front.pem": "the web server's certificate and key for connections to the proxy",
    "/etc/sitekit/*/internal/culler.pem": "idle-culler's certificate and key for connections to the hub",
    "/etc/sitekit/*/tls/cert.pem": "the self-signed certificate, generated on this machine",
    "/etc/sitekit/*/tls/key.pem": "the key of the certificate, generated on this machine",
    "/etc/sitekit/*/tls/openid.conf": "the web server's secrets for the OpenID provider",
    "/etc/sitekit/*/tls/login.conf": "the secret that proves to the hub that the web server has sent a user's name",
    "/etc/sitekit/*/apache.conf": "the configuration of the site's own Apache",
    "/etc/sitekit/*/nginx.conf": "the configuration of the site's own nginx",
    "/etc/sitekit/*/supervisord.conf": "the services, for the site's own supervisord",
    "/etc/apache2/sites-available/*": "a virtual host of this machine's Apache",
    "/etc/apache2/sites-enabled/*": "enables the virtual host",
    "/etc/apache2/mods-enabled/*": "a module that the virtual host needs, or that one of its modules needs",
    "/etc/httpd/conf.d/*": "a virtual host of this machine's Apache",
    "/etc/nginx/conf.d/*": "a server of this machine's nginx",
    "/etc/nginx/sites-available/*": "a server of this machine's nginx",
    "/etc/nginx/sites-enabled/*": "enables that server",
    "/etc/systemd/system/*-proxy.service": "configurable-http-proxy as a service",
    "/etc/systemd/system/*-hub.service": "JupyterHub as a service",
    "/etc/systemd/system/*-front.service": "the site's own web server as a service",
    "/etc/systemd/system/*-kernels.*": "the daily test of the kernels",
    "/etc/systemd/system/*-backup.*": "the nightly backup",
    "/etc/systemd/system/*-renewal.*": "reloads the web server when the files of its certificate change",
    "/etc/systemd/system/*-certificate.*": "the daily check of how long the certificate is valid",
    "/etc/pam.d/*": "the PAM service that checks users' passwords",
    "/etc/sitekit/*/ssh/config": "how the hub logs in to the login node",
    "/etc/sitekit/*/ssh/known_hosts": "the host keys of the login node",
    "/etc/sitekit/*/ssh/key": "the hub's key for the login node",
    "/etc/sitekit/*/ssh/key.pub": "its public key",
    "/etc/sitekit/*/ssh/user_ca": "signs user certificates, with which the hub runs the gate as a user",
    "/etc/sitekit/*/ssh/user_ca.pub": "its public key",
    "/etc/sitekit/*/tunnel/sshd_config": "the configuration of the site's own sshd for tunnels",
    "/etc/sitekit/*/tunnel/host_key": "the host key of this sshd",
    "/etc/sitekit/*/tunnel/host_key.pub": "its public key, which each job gets",
    "/etc/sitekit/*/tunnel/authority": "signs the certificates with which jobs log in at this sshd",
    "/etc/sitekit/*/tunnel/authority.pub": "its public key",
    "/usr/local/libexec/sitekit/*/tunnel_sshd": "runs the sshd for tunnels, and ends connections of ended servers",
    "/usr/local/libexec/sitekit/*/tunnel_principals": "gives this sshd the port on which a job may listen",
    "/usr/local/libexec/sitekit/*/tunnel.json": "the configuration of these two programs",
    "/etc/systemd/system/*-tunnel.service": "the sshd for tunnels as a service",
    "/etc/ssh/sshd_config.d/*-sitekit-*.conf": "the groups whose members this machine's sshd refuses",
    "/etc/sudoers.d/*": "the rules by which the hub starts the gate as a cluster user",
    "/etc/logrotate.d/*": "how long the web server's logs are kept",
    "/usr/local/libexec/sitekit/*/gate": "the program behind the sudo rule: submits, cancels, reads logs as the user",
    "/usr/local/libexec/sitekit/*/end": "the same program under another name: cancels the jobs of users who have left",
    "/usr/local/libexec/sitekit/*/gate.json": "the gate's configuration",
    "/usr/local/libexec/sitekit/*/local_gate": "the program behind the sudo rule that starts servers on this host",
    "/usr/local/libexec/sitekit/*/local_gate.json": "its configuration: tiers, images and the containers' network",
    "/usr/local/libexec/sitekit/*/units.py": "its part for systemd; also records how a server ended",
    "/usr/local/libexec/sitekit/*/containers.py": "its part for Docker",
    "/usr/local/libexec/sitekit/*/container_service": "keeps the containers' network and time limits",
    "/etc/systemd/system/*-containers.service": "this program as a service",
    "/usr/local/libexec/sitekit/*/take_certificate": "copies a certificate from certbot to its place",
    "/usr/local/libexec/sitekit/*/proxy/*.mjs": "loaded by the proxy at its start; checks the owner of a server",
    "/usr/local/libexec/sitekit/*/reload_certificate": "makes the web server load a renewed certificate",
    "/usr/local/libexec/sitekit/*/job.sh": "the job script that the gate submits",
}


def purpose(path: Path) -> str:
    """Return the sentence about the purpose of a file or link. Raises KeyError if PURPOSES does not
    contain the path."""
    for pattern, text in PURPOSES.items():
        if fnmatchcase(str(path), pattern):
            return text
    raise KeyError(f"PURPOSES in purpose_of_files.py must describe {path}")
