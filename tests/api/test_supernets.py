"""A supernet that is trained ahead is the one that a search for the same targets finds, with the real engine."""

from pathlib import Path
from typing import Any

from api.jobs.engine_spec import engine_spec
from api.jobs.specs import WIRE_SPEC
from api.settings import Settings
from nas.preflight import estimate_job, pretrain
from nas.prepare_job import resolve_spec
from nas.spec import SearchSpec
from nas.stages.context import Context
from nas.stages.train import train
from nas.store import Store
from tests.api.conftest import body
from tests.work import LITTLE

BOARD = "kv260"
"""It runs no squeeze-and-excite, which the space has: what is trained for it is another supernet than a processor's."""
WORK = LITTLE.model_copy(update={"supernet_images": 128})


def local(**fields: Any) -> SearchSpec:
    """The engine's spec of a wire spec of the digits."""
    spec = {"data": "digits", "space": "mobilenet", "effort": "quick", "threads": 1, **fields}
    return engine_spec(WIRE_SPEC.validate_python(spec), Settings(home=Path())).model_copy(update={"work": WORK})


def search(target: str) -> SearchSpec:
    """The engine's spec of a search."""
    return local(**body()["spec"] | {"targets": [{"target": target, "latency_ms": "40%"}]})


def test_a_search_for_a_board_finds_the_supernet_that_was_trained_for_it(tmp_path: Path) -> None:
    made = pretrain(local(kind="supernet_training", targets=[BOARD]), store=tmp_path)
    assert estimate_job(search(BOARD), store=tmp_path).plan.seconds["training"] == 0
    assert estimate_job(search("cpu"), store=tmp_path).plan.seconds["training"] > 0
    context = Context(Store(tmp_path))
    assert train(context, resolve_spec(context, search(BOARD))).hash == made.supernet_sha256
    assert pretrain(local(kind="supernet_training"), store=tmp_path).supernet_sha256 != made.supernet_sha256
    assert estimate_job(search("cpu"), store=tmp_path).plan.seconds["training"] == 0
