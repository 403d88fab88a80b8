"""Trained networks of users, which a search can start from: uploaded, checked, kept."""
