"""The study that keeps any sampler within the limit, and never evaluates twice."""

import math
from typing import Any
from unittest.mock import Mock

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from nas.search import limited_study
from nas.search.limited_study import MOST_REPEATS, LimitedStudy
from nas.search.searchers.registry import BUILT_IN
from nas.search.table_region import TableRegion

optuna.logging.set_verbosity(optuna.logging.WARNING)
REGION = TableRegion.of_choices({"a": (1, 2, 3, 4), "b": (1, 2, 3)}, lambda v: v["a"] * v["b"], limit_ms=6.0)
"""Nine of twelve architectures are within the limit."""


class Always(BaseSampler):
    """Suggests one architecture for ever."""

    def __init__(self, a: int, b: int) -> None:
        self.values: dict[str, Any] = {"a": a, "b": b}

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self.values[param_name]


def searched(
    sampler: BaseSampler | str, evaluations: int, region: TableRegion = REGION
) -> tuple[LimitedStudy, list[tuple[int, ...]]]:
    limited = LimitedStudy(region, sampler, evaluations=evaluations, seed=1)
    found = []
    for _ in range(evaluations):
        trial, code = limited.ask()
        limited.tell(trial, float(code.sum()))
        found.append(tuple(code.tolist()))
    return limited, found


@pytest.mark.parametrize("name", [entry.name for entry in BUILT_IN if entry.name != "gp"])
def test_every_searcher_evaluates_each_architecture_once(name: str) -> None:
    limited, found = searched(name, 9)
    assert len(set(found)) == 9 and limited.exhausted
    assert REGION.predict_ms(np.array(found)).max() <= 6.0


def test_a_suggestion_beyond_the_limit_is_answered_and_not_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Mock()  # whatever other tests do to the loggers of this process
    monkeypatch.setattr(limited_study, "_LOG", said)
    limited, found = searched(Always(4, 3), 2)
    assert (3, 2) not in found and limited.counts.infeasible == 2 * MOST_REPEATS and limited.counts.random == 2
    answered = [t for t in limited.study.get_trials() if t.params == {"a": 4, "b": 3}]
    assert len(answered) == 2 * MOST_REPEATS and answered[0].values == [0.0, 12.0]
    assert answered[0].constraints == {"latency": 1.0}  # twice the limit
    assert [("random" in call.args[0]) for call in said.warning.call_args_list] == [True] * 2


def test_a_sampler_that_repeats_itself_for_ever_ends_in_random_architectures() -> None:
    limited, found = searched(Always(2, 2), 9)
    assert found[0] == (1, 1) and len(set(found)) == 9
    assert limited.counts.repeated == 8 * MOST_REPEATS and limited.counts.infeasible == 0


def test_where_nothing_is_left_an_architecture_comes_again() -> None:
    limited, _ = searched("random", 9)
    trial, code = limited.ask()
    limited.tell(trial, 1.0)
    assert REGION.predict_ms(code[None])[0] <= 6.0


def test_an_architecture_that_a_table_does_not_have_is_moved_to_the_nearest() -> None:
    few = TableRegion(REGION.choices, np.array([[0, 0], [3, 2]]), np.zeros(2))
    limited = LimitedStudy(few, Always(4, 2), evaluations=2, objective="metric")
    trial, code = limited.ask()
    assert code.tolist() == [3, 2] and trial.params == {"a": 4, "b": 3} and limited.counts.moved == 1
    limited.tell(trial, 0.5)
    assert limited.study.best_params == {"a": 4, "b": 3}


def test_once_the_nearest_is_evaluated_the_nearest_new_architecture_comes() -> None:
    few = TableRegion(REGION.choices, np.array([[0, 0], [2, 1], [3, 2]]), np.zeros(3))
    limited = LimitedStudy(few, Always(4, 2), evaluations=3, objective="metric")
    found = []
    for _ in range(3):
        trial, code = limited.ask()
        limited.tell(trial, float(code.sum()))
        found.append(code.tolist())
    # (4, 2) has the indices (3, 1): one choice away from the first two, of which the first listed comes first
    assert found == [[2, 1], [3, 2], [0, 0]]
    assert limited.counts.moved == 3 and limited.counts.repeated == 0 and limited.counts.random == 0


def test_one_objective_has_one_direction() -> None:
    limited = LimitedStudy(REGION, "random", evaluations=3, objective="metric")
    trial, _ = limited.ask()
    limited.tell(trial, 0.5)
    assert limited.study.best_value == 0.5


def test_the_reward_prefers_a_faster_architecture_of_nearly_the_same_metric() -> None:
    """At a quarter of the limit 0.90 is worth 0.90 * 4^0.07 = 0.992, more than 0.95 at the limit."""
    region = TableRegion.of_choices({"ms": (1, 4)}, lambda v: float(v["ms"]))
    limited = LimitedStudy(region, "random", evaluations=2, objective="reward")
    for _ in range(2):
        trial, _code = limited.ask()
        limited.tell(trial, {1: 0.90, 4: 0.95}[trial.params["ms"]])
    assert limited.study.best_params == {"ms": 1}
    assert limited.study.best_value == pytest.approx(0.90 * 4**0.07)


@pytest.mark.parametrize("name", ["hwnas", "nsga2", "tpe"])
def test_an_evaluation_without_a_number_is_kept_and_not_suggested_again(name: str) -> None:
    limited = LimitedStudy(REGION, name, evaluations=9, seed=2)
    found = []
    for number in range(9):
        trial, code = limited.ask()
        limited.tell(trial, math.nan if number % 2 else float(code.sum()))
        found.append(tuple(code.tolist()))
    assert len(set(found)) == 9
    states = [t.state for t in limited.study.get_trials()]
    assert states.count(TrialState.FAIL) >= 4


def test_stored_trials_are_known() -> None:
    limited, found = searched("random", 5)
    again = LimitedStudy(REGION, RandomSampler(seed=0), evaluations=9)
    again.add(limited.study.get_trials())
    for _ in range(4):
        trial, code = again.ask()
        again.tell(trial, 0.0)
        assert tuple(code.tolist()) not in found
    assert again.exhausted
