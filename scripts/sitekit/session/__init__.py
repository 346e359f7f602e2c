"""What runs inside a user's server. Imports only the standard library and Jupyter's own packages."""
