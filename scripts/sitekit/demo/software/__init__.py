"""Install the software of the demo: packages, Pythons and modules."""
