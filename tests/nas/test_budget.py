"""The budget and the limit below it, by plain enumeration of a small space."""

import random
from dataclasses import replace
from pathlib import Path

from hw_targets.timing import profiles
from latency_models.table import LatencyTable, fit
from nas import pipeline
from nas.events import ignore
from nas.stages.budget import judge
from nas.stages.context import Context
from nas.store import Store
from search_spaces.narrow import Narrowed
from search_spaces.space import SearchSpace
from tests.nas.boards import Board
from tests.nas.search.test_tight_limits import small_space

SPACE = small_space(tuple(range(1, 9)), (1, 2, 3))


def table_of(space: SearchSpace) -> LatencyTable:
    """Fitted to twelve architectures on a simulated board."""
    rng, board = random.Random(0), Board()
    networks = [space.network(a) for a in dict.fromkeys(space.sample(rng) for _ in range(100))][:12]
    return fit(profiles(networks, list(board.sample(networks, rounds=1))), board.info)


def test_what_keeps_the_limit_is_counted_apart_from_what_keeps_the_budget(tmp_path: Path) -> None:
    table = table_of(SPACE)
    table = replace(table, card=replace(table.card, mape=0.2))
    context = Context(Store(tmp_path), ignore, pipeline.never, hashes={"table:board": "made up"})
    goal = judge(context, Board(), table, Narrowed(SPACE, ()), "60%")
    latencies = [
        table.predict(SPACE.network(SPACE.architecture({"resolution": 4, "width": w, "depth": d}))).latency_ms
        for w in range(1, 9)
        for d in (1, 2, 3)
    ]
    assert goal.limit_ms == 0.8 * goal.budget_ms
    assert goal.within_limit == sum(ms <= goal.limit_ms for ms in latencies)
    assert int(goal.outcome.architectures_within) == sum(ms <= goal.budget_ms for ms in latencies) > goal.within_limit


def test_a_budget_of_the_fastest_leaves_the_fastest(tmp_path: Path) -> None:
    context = Context(Store(tmp_path), ignore, pipeline.never, hashes={"table:board": "made up"})
    table = table_of(SPACE)
    for budget in ("0%", table.predict(SPACE.network(SPACE.smallest())).latency_ms):
        goal = judge(context, Board(), table, Narrowed(SPACE, ()), budget)
        assert goal.limit_ms == goal.budget_ms and goal.within_limit >= 1
