"""Check, before `make apply` changes anything, whether the machine and the cluster have what the
site file needs."""
