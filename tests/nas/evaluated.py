"""Evaluations of a search that never was, with numbers that a reader can check. No tests."""

from nas.evaluations import Evaluation, TargetEvaluations
from nas.events import FrontPoint
from search_spaces.space import Value
from tests.metrics import as_accuracy

FINISHED_UNIX_S = 1_700_000_000.0


def evaluation(number: int, *, timed: bool = True) -> Evaluation:
    """The k-th: deep where k is odd, wider every second time; the deep ones have a kernel to choose."""
    deep, wide = number % 2 == 1, number // 2 % 2 == 1
    choices: dict[str, Value] = {"depth": 2 if deep else 1, "width": 1.5 if wide else 1.0, "se": wide}
    if deep:
        choices["b1.kernel"] = 3 + 2 * (number // 4 % 2)
    time = {"seconds": 2.0, "core_seconds": 1.5, "finished_unix_s": FINISHED_UNIX_S + 10 * number, "images": 100}
    return Evaluation(
        architecture_id=f"a{number}", choices=choices, value=0.5 + 0.2 * deep + 0.001 * number, latency_ms=1.0 + deep + 0.5 * wide,
        macs=1000 + number, params=100, weight_bytes=110, peak_memory_bytes=4096, **(time if timed else {}),
    )  # fmt: skip


def evaluations(target: str = "cpu", count: int = 8, *, timed: bool = True) -> TargetEvaluations:
    """Of one target."""
    finalists = [
        FrontPoint(
            architecture=f"depth={number}", architecture_id=f"a{number}", metric=as_accuracy(0.9 - 0.1 * number),
            latency_ms=2.0 - number, kind="measured",
        )
        for number in range(2)
    ]  # fmt: skip
    return TargetEvaluations(
        target=target, space="toy", metric="accuracy", searcher="hwnas", seed=7, budget_ms=3.0, limit_ms=2.9, supernet=True,
        options={"depth": (1, 2), "width": (1.0, 1.5), "se": (False, True), "b1.kernel": (3, 5)},
        evaluations=tuple(evaluation(number, timed=timed) for number in range(count)), finalists=tuple(finalists),
    )  # fmt: skip
