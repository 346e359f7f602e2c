"""Compare the installed packages with advisories about known vulnerabilities."""
