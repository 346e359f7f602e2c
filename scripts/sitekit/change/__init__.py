"""How a machine is brought to what its site says: one plan, shown or executed."""
