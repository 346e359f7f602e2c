"""Generate the configuration files of the hub's machine. Show, check and write the changes of the
machine, and remove the files again."""
