"""The worker process: claims jobs, runs them, stores what they tell."""
