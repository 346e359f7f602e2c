"""The kernels that users make for themselves, in their homes."""
