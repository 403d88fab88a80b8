"""Delivered models: their files by content hash, their routes."""
