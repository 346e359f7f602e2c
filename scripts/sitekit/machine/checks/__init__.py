"""Check before an apply whether the machine and the cluster meet the site's needs."""
