"""The searchers that a user can name, one file each; `registry.py` lists them."""
