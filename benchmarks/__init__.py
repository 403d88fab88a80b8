"""Recorded comparisons against peers; never part of the installed package."""
