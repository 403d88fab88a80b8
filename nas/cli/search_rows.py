"""What a search cost, in a row of the terminal. Not here: the panel (`report.py`)."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas.search_report import SearchCost


def cost_row(cost: "SearchCost") -> tuple[str, str]:
    """The cost in words and its source; what an earlier version did not count is called unknown."""
    networks = f"{cost.evaluations:,} evaluation{'' if cost.evaluations == 1 else 's'}"
    images = "an unknown number of images" if cost.images is None else f"{cost.images:,} images"
    evaluated = f"{networks} on {images}; " if cost.evaluations else ""
    spent = "unknown core-seconds" if cost.core_seconds is None else f"{cost.core_seconds:,.0f} core-seconds"
    times = "" if cost.trainings is None else f", {cost.trainings:,.1f} trainings of the exported network"
    return f"{evaluated}{spent}{times}", "measured"
