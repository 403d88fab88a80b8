"""The service: HTTP, its database, its workers, and the commands that serve (layer 5)."""
