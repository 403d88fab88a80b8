"""Latency tables that profiling jobs measured: what is known of each."""
