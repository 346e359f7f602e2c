"""Write a self-signed certificate: certificate.py CERTIFICATE KEY NAME DAYS. DAYS may be negative."""

import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

cert, key_file, name, days = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
made = (
    x509.CertificateBuilder()
    .subject_name(subject)
    .issuer_name(subject)
    .public_key(key.public_key())
    .serial_number(x509.random_serial_number())
    .not_valid_before(now - timedelta(days=90))
    .not_valid_after(now + timedelta(days=days))
    .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    .sign(key, hashes.SHA256())
)
cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
private = serialization.PrivateFormat.PKCS8
secret = serialization.NoEncryption()
key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, private, secret))
