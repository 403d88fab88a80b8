"""What a network runs on, and how it is lowered to it (floor 2)."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
"""ONNX Runtime would report usage and run a thread for it, which would disturb measurements."""
