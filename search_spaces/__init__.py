"""What may be built: networks as data, and spaces as functions that make them (floor 1, knows of nothing else)."""
