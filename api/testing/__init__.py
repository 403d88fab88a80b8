"""For tests and benchmarks of the service: a server in a process of its own, PostgreSQL, a browser, and an engine that computes nothing.

Needs the development requirements. Nothing outside of tests and benchmarks imports it.
"""
