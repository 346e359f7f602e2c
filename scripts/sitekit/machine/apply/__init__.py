"""`make diff` and `sudo make apply`: one plan, shown or executed."""
