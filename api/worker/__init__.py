"""The worker process: claims jobs, runs them, and stores their events and results."""
