"""For the tests of targets, of this package and of others: the contract of every target, and networks to test it with.

Needs pytest. Nothing outside of tests imports it.
"""

import pytest

pytest.register_assert_rewrite("hw_targets.testing.target")  # so that a failure shows the values it compared
