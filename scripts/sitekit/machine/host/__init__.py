"""Read facts about the machine on which sitekit runs (distribution, processes, ports, mounts), and
lock the machine against two runs of sitekit at the same time."""
