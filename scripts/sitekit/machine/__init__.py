"""Generate the configuration files of the hub's machine; show, check and write the changes; remove
the files again."""
