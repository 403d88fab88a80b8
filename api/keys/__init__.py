"""Keys, sessions and tenants: who may ask, and for what."""
