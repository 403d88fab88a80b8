"""Cost and trust score of a search, as the terminal shows them: what was not counted is unknown."""

import pytest

from nas.cli.report import render_result
from nas.cli.search_rows import cost_row
from nas.search_report import SearchCost, TrustScore
from tests.nas.cli import fakes
from tests.nas.cli.test_report import rendered

COST = SearchCost(
    evaluations=200, images=160_000, core_seconds=1234.5, parts={"training": 1000.0, "searching": 234.5},
    training_core_seconds=100.0, trainings=12.345,
)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "200 evaluations on 160,000 images; 1,234 core-seconds, 12.3 trainings of the exported network"),
        ({"evaluations": 0, "images": 0}, "1,234 core-seconds, 12.3 trainings of the exported network"),
        (
            {"images": None, "core_seconds": None, "trainings": None},
            "200 evaluations on an unknown number of images; unknown core-seconds",
        ),
    ],
)
def test_the_cost_in_words(changes: dict[str, object], text: str) -> None:
    assert cost_row(COST.model_copy(update=changes)) == (text, "measured")


def test_the_panel_of_a_model_has_cost_and_trust() -> None:
    trust = TrustScore(verdict="too few", note="3 networks were compared.")
    result = fakes.result()
    model = result.models["cpu"].model_copy(update={"cost": COST, "trust": trust})
    with_both = result.model_copy(update={"models": {"cpu": model}})
    text = rendered(lambda console: render_result(console, with_both), width=120)
    assert "12.3 trainings" in text and "3 networks were compared." in text
    assert "trainings" not in rendered(lambda console: render_result(console, result))
