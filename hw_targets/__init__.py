"""What a network runs on, and how it is lowered to it (floor 2)."""
