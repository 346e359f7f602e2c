"""Answer HTTP requests of servers, programs and Prometheus: callbacks, cards, status, metrics."""
