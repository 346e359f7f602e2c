"""Tell the story of one start of a server, from all that logged about it (`make trace`)."""
