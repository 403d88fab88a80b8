"""From measurements to predictions of latency (floor 3)."""
