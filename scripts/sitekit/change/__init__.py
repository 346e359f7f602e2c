"""Change: how a machine is brought to what its site says, shown first and recorded; and all the ways back."""
