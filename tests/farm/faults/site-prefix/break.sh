edit paths.prefix /nowhere/jupyter
