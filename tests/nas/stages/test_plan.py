"""What work a time is resolved to, with costs made by hand: bounded, stored, rejected where it is too short."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nas.job import Job
from nas.stages import plan, timing
from nas.stages.context import Context
from nas.stages.costs import START_S, Costs, evaluation_s, profiling_s, tournament_s
from nas.stages.plan import LEAST_SUPERNET, MOST_EPOCHS, SUPERNET_SHARE, afford, fits, resolve, round_down, too_short
from search_spaces.cost import layer_values
from tests.nas import boards
from tests.nas.stages import jobs
from tests.nas.stages.jobs import board

__all__ = ["board"]

COSTS = Costs(small=(100.0, 1e-4), large=(300.0, 3e-4), sandwich=800.0)
"""0.2 ms an image of a network in the middle, 0.8 ms of a sandwich step."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Context, Job]:
    """The digits with their budgets."""
    with pytest.MonkeyPatch.context() as patch:
        boards.install(patch)
        return jobs.with_target_plans(tmp_path_factory.mktemp("plan"))


def lasting(job: Job, seconds: float) -> Job:
    return replace(job, spec=job.spec.model_copy(update={"minutes": seconds / 60}))


def test_costs_are_linear_in_what_layers_put_out() -> None:
    assert COSTS.image_s(200) == pytest.approx(2e-4)
    assert COSTS.image_s(400) == pytest.approx(4e-4)
    assert COSTS.image_s(0) == 0.25e-4  # never nothing
    assert COSTS.sandwich_s == pytest.approx(8e-4)
    assert Costs((100.0, 1e-4), (100.0, 1e-4), 400.0).image_s(100) == 1e-4  # a space of one network
    between = replace(COSTS, between=((200.0, 1.2e-4),))  # a network that trains faster than its size says
    assert [between.image_s(values) for values in (150, 200, 250, 400)] == pytest.approx([1.1e-4, 1.2e-4, 2.1e-4, 4e-4])


def test_a_tournament_by_hand(made: tuple[Context, Job]) -> None:
    _, job = made
    # 2 train for half, 1 for the other half: 1.5 trainings; INT8 retraining an eighth, a step of which costs 2.5
    evaluated = 2 + 1 + 2
    look = evaluation_s(1e-3, 2.0, job.data.images["val"], job.data.images["train"])
    assert look == pytest.approx(0.2 + 0.3 * 1169 * 1e-3 + 269 * 2e-3)
    taken = tournament_s(job, 1e-3, 2.0, 2, 10_000)
    assert taken == pytest.approx(10 * (1.5 + 2.5 / 8) + evaluated * look)


def test_too_short_a_time_is_rejected_with_the_least_that_works(made: tuple[Context, Job]) -> None:
    _, job = made
    hurried = lasting(job, 1.0)
    assert not fits(hurried, COSTS)
    error = too_short(hurried, COSTS)
    least = error.facts["least_minutes"]
    assert isinstance(least, float) and 0 < least < 1 and f"--minutes {least:g}" in error.fix
    assert fits(lasting(job, 60 * least), COSTS)
    assert not fits(lasting(job, 60 * (least - 0.1)), COSTS)


def test_a_supernet_that_would_see_too_few_images_is_not_trained(made: tuple[Context, Job]) -> None:
    _, job = made
    enough_s = LEAST_SUPERNET * COSTS.sandwich_s / SUPERNET_SHARE
    less, more = (afford(lasting(job, seconds), COSTS) for seconds in (0.99 * enough_s, 1.01 * enough_s))
    assert (less.supernet_images, less.evaluations) == (0, 0) and less.finalists >= 2
    assert more.supernet_images == LEAST_SUPERNET and more.evaluations >= plan.LEAST_EVALUATIONS


def test_epochs_are_bounded_however_long_the_time(made: tuple[Context, Job]) -> None:
    _, job = made
    work = afford(lasting(job, 100 * 3600), COSTS)
    most = MOST_EPOCHS * job.data.images["train"]
    assert work.supernet_images == work.tune_images == round_down(most) and 0.9 * most < round_down(most) <= most
    assert (work.finalists, work.evaluations) == (max(plan.FINALISTS), plan.MOST_EVALUATIONS)


def test_plans_have_two_digits() -> None:
    assert [round_down(x) for x in (0.3, 7.9, 10, 1169, 350_700, 584_500.9)] == [1, 7, 10, 1100, 350_000, 580_000]


@given(minutes=st.floats(1, 3000), image_s=st.floats(1e-5, 1e-1), larger=st.floats(1, 20))
@settings(max_examples=40)
@example(minutes=2.0, image_s=1e-4, larger=3.0)
def test_what_is_planned_fits_into_the_time(
    made: tuple[Context, Job], minutes: float, image_s: float, larger: float
) -> None:
    context, job = made
    job = lasting(job, 60 * minutes)
    smallest, largest = (layer_values(job.space.network(one)) for one in (job.space.smallest(), job.space.largest()))
    costs = Costs((smallest, image_s), (largest, image_s * larger), 2 * (smallest + largest))
    if not fits(job, costs):
        assert too_short(job, costs).facts["least_minutes"] >= minutes  # type: ignore[operator]
        return
    work = afford(job, costs)
    estimated = plan.plan_of(
        context, replace(job, work=work), costs, profiling=profiling_s(work.profile, job.targets[0])
    )
    planned = START_S + sum(estimated.seconds.values())
    assert planned <= 60 * minutes * 1.2, (work, estimated)
    # What is left over is what more epochs would not use, or what two digits leave out.
    most = round_down(MOST_EPOCHS * job.data.images["train"])
    assert planned >= 60 * minutes * 0.75 or work.tune_images == most, (work, estimated)


def test_the_work_is_resolved_once(made: tuple[Context, Job], monkeypatch: pytest.MonkeyPatch) -> None:
    context, job = made
    job = lasting(job, 200)
    monkeypatch.setattr(plan, "time_near_limit", lambda _context, _job, costs: costs)
    first = resolve(context, job, COSTS).work
    dearer = Costs((100.0, 2e-4), (300.0, 6e-4), 800.0)
    assert afford(job, dearer) != first
    assert resolve(context, job, dearer).work == first
    given = first.model_copy(update={"evaluations": 3})
    job_inputs = replace(job, spec=job.spec.model_copy(update={"work": given}))
    assert resolve(context, job_inputs, dearer).work == given


def test_a_network_near_the_limit_is_timed(made: tuple[Context, Job], monkeypatch: pytest.MonkeyPatch) -> None:
    context, job = made
    monkeypatch.setattr(timing, "seconds_per_image", lambda _job, network: 1e-9 * layer_values(network))
    costs = plan.time_near_limit(context, job, COSTS)
    ((values, seconds),) = costs.between
    target_plan = job.target_plans[0]
    sizes = [
        layer_values(target_plan.space.network(one))
        for one in (target_plan.space.smallest(), target_plan.space.largest())
    ]
    assert sizes[0] <= values <= sizes[1] and seconds == 1e-9 * values
