"""`make upgrade`, `rollback`, `releases`, `prune_releases`: no running server notices any."""
