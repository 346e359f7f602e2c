"""Programs that other interpreters run by path: the release's Python and the modules' own. Nothing here is imported."""
