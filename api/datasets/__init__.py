"""Data sets: uploads, and their check in a child process."""
