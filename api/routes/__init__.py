"""The routes of the REST interface, a module a resource, and which of them answer without a key."""
