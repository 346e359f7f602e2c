"""Answer HTTP requests of servers (callbacks), programs (cards, status), Prometheus (metrics)."""
