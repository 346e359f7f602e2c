"""Write the outputs of cells into notebooks that no page shows."""
