"""For the tests of extensions of the engine, of this package and of others: the contract of each interface, one module each.

`space` for search spaces, `strategy` for training strategies, `sampler` for samplers, `executor` for executors, `files` and `store`
for places of the store; `hw_targets.testing` for targets. Each is a class to subclass, with fixtures to override.

Needs pytest. Nothing outside of tests imports it.
"""

import pytest

for _name in ("space", "strategy", "sampler", "files", "store", "executor"):
    pytest.register_assert_rewrite(f"nas.testing.{_name}")  # so that a failure shows the values it compared
