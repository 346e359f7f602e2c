"""The checks of `make doctor`, one file for each subject."""
