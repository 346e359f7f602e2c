"""Run programs, write files, report errors and show progress, for all other packages of sitekit."""
