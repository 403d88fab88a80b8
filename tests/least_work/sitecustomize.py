"""Has every process that finds this folder on its path search with the least work there is. No tests.

Python imports a module of this name by itself at its start. `tests/test_docs.py` puts the folder on the path of what it runs.
"""

from nas.stages import effort


def _as_it_is(work: effort.Work, _factor: float) -> effort.Work:
    return work


LEAST = effort.Work(
    profile_networks=8, profile_held_out=4, profile_rounds=2, train_images=256, queries=4, tune_images=256
)
effort.Work.scaled = _as_it_is  # type: ignore[method-assign, assignment]
for _name in effort.WORK:
    effort.WORK[_name] = LEAST
