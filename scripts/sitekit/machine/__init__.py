"""Generate the configuration files of the hub's machine. Show and check the changes of the machine,
make the changes, and undo them at an uninstall.
"""
