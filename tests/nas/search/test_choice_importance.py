"""The importance of choices, where it is known which of them decides."""

import random

import pytest

from nas.evaluations import TargetEvaluations
from nas.search.choice_importance import LEAST, best_share, choice_importance
from tests.nas.evaluated import evaluation, evaluations


def searched(count: int) -> TargetEvaluations:
    """Depth decides the metric, whatever the width, which is drawn; `fixed` offers nothing to choose."""
    rng = random.Random(0)
    found = []
    for number in range(count):
        depth, width = rng.choice((1, 2, 3)), rng.choice((1.0, 1.5))
        choices = {"depth": depth, "width": width, "fixed": 8}
        found.append(
            evaluation(number).model_copy(update={"choices": choices, "value": 0.2 * depth + 0.001 * rng.random()})
        )
    options = {"depth": (1, 2, 3), "width": (1.0, 1.5), "fixed": (8,)}
    return evaluations().model_copy(update={"evaluations": tuple(found), "options": options})


def test_the_choice_that_decides_is_the_most_important() -> None:
    found = choice_importance(searched(100))
    assert list(found) == ["depth", "width"] and found["depth"] > 0.75
    assert sum(found.values()) == pytest.approx(1.0)
    assert choice_importance(searched(100)) == found


def test_choices_that_are_inactive_in_some_architectures_are_compared() -> None:
    assert set(choice_importance(evaluations(count=40))) == {"depth", "width", "se", "b1.kernel"}


def test_few_or_equal_evaluations_tell_nothing() -> None:
    assert choice_importance(searched(LEAST - 1)) == {} != choice_importance(searched(LEAST))
    same = tuple(one.model_copy(update={"value": 0.5}) for one in searched(40).evaluations)
    assert choice_importance(searched(40).model_copy(update={"evaluations": same})) == {}


def test_at_least_five_evaluations_count_as_the_best() -> None:
    assert best_share(20) == 0.25 and best_share(50) == best_share(500) == 0.1
