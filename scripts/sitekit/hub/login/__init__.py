"""Control who logs in and how long a login lasts: by PAM or at a provider, with delays after
failures."""
