"""`sudo make uninstall`: what apply brought is taken away."""
