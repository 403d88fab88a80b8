"""Has every process that finds this folder on its path search with the least work there is. No tests.

Python imports a module of this name by itself at its start. `tests/test_docs.py` puts the folder on the path of what it runs.
"""

from nas.spec import SearchSpec
from nas.work import PROFILES, ProfileWork, Work

PROFILE = ProfileWork(networks=8, held_out=4, rounds=2)
LEAST = Work(profile=PROFILE, supernet_images=128, evaluations=4, finalists=1, tune_images=128)

for _effort in PROFILES:
    PROFILES[_effort] = PROFILE
SearchSpec.model_fields["work"].default = LEAST
SearchSpec.model_rebuild(force=True)
