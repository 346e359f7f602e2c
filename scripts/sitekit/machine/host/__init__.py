"""Read facts about the machine on which sitekit runs (distribution, processes, ports, mounts), and
lock it against two runs at the same time."""
