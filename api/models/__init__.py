"""Delivered models, with their files by content hash."""
