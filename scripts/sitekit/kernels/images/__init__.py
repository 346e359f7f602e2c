"""Test container images, and record which of them users may start (`make images_check`)."""
