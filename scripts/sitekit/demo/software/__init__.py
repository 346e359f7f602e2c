"""Install the demo cluster's software: packages of the distribution, offered as modules."""
