"""Run programs, write files, report errors and show progress for all packages of sitekit."""
