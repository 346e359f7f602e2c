"""Record what sitekit has put on the machine, and compare the record with the machine."""
