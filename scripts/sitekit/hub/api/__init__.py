"""What servers, programs and Prometheus ask the hub: callbacks, cards, status, metrics."""
