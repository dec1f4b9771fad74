"""The server: HTTP API, pages and a worker in one process."""
