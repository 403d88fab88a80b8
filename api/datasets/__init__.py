"""Data sets: uploads, their check in a child process, their routes."""
