"""The machine of the hub: its files rendered from the site, shown, written, checked, undone."""
