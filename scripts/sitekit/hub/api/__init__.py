"""Answer HTTP requests of servers (reports of port and memory), of programs (cards, status) and of
Prometheus (metrics)."""
