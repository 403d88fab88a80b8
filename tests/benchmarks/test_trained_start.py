"""The benchmark of a trained start: its narrowed network by hand, and a short form of the whole on a simulated board."""

import json
from pathlib import Path

import pytest

from benchmarks import source_rows, trained_start
from nas.events import EventSink
from nas.pipeline import search
from nas.result import SearchResult
from nas.spec import SearchSpec
from nas.stages import adapt
from tests.nas import boards
from tests.nas.stages import jobs
from tests.nas.stages.photos import needs_lite0, photos
from tests.work import LITTLE

WORK = LITTLE.model_copy(
    update={
        "start_from": "efficientnet_lite0",
        "adapt_images": 64,
        "supernet_images": 0,
        "evaluations": 2,
        "tune_images": 64,
    }
)


def test_an_evenly_narrowed_network_meets_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    boards.install(monkeypatch)
    context, job = jobs.with_target_plans(tmp_path, space="efficientnet_lite", start_from="none", data=photos(tmp_path))
    run = jobs.run_of(context, job)
    largest_ms = run.target_plan.table.predict(job.space.network(job.space.largest())).latency_ms
    narrow = source_rows.narrowed(run, job.space, 0.95 * largest_ms)
    assert narrow is not None
    assert run.target_plan.table.predict(job.space.network(narrow)).latency_ms <= 0.95 * largest_ms
    values = dict(narrow.values)
    assert values["resolution"] == 32 and values["stages"] == 7 and values["s6.depth"] == 4
    widths = [choice for choice in job.space.choices if choice.name.endswith(".width")]
    shares = [float(values[one.name]) / float(one.values[-1]) for one in widths]
    assert min(shares) < 1 and max(shares) - min(shares) < 0.5
    assert source_rows.narrowed(run, job.space, 1e-6) is None


@needs_lite0
def test_short_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    boards.install(monkeypatch)
    monkeypatch.setattr(adapt, "JUDGED", 1)

    def little(spec: SearchSpec, out: Path, on_event: EventSink) -> SearchResult:
        work = WORK if spec.start_from != "none" else WORK.model_copy(update={"start_from": None, "adapt_images": 0})
        return search(spec.model_copy(update={"work": work}), out=out, on_event=on_event)

    monkeypatch.setattr(source_rows, "search", little)
    status = trained_start.main(
        [
            "--data", photos(tmp_path, count=20), "--resolution", "32", "--budgets", "95%", "--method", "prune",
            "--method", "scratch", "--images-seen", "64", "--cuts", "1", "--target", "board",
            "--kept", str(tmp_path / "kept"), "--json",
        ]
    )  # fmt: skip
    document = json.loads(capsys.readouterr().out)
    assert status == 0 and document["benchmark"] == "trained_start"
    names = [row["row"] for row in document["rows"]]
    assert names == ["source", "cut at stage 6", "even width, 95%", "prune", "scratch"]
    for row in document["rows"]:
        assert 0 <= row["accuracy"] <= 1 and row["latency_ms"] > 0 and row["core_seconds"] > 0
        if row["budget"] is not None:
            assert row["latency_ms"] <= row["budget_ms"]
    assert {"source_accuracy", "prune_95%", "scratch_95%", "best_alternative_95%"} <= set(document["summary"])
