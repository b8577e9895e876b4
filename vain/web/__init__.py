"""The server: REST, WebSocket and the dashboard behind one gate, on one port. The only place that uses Tornado."""
