"""Two more words in stored documents: fronts are of trained networks, and a model's budget is active or not.

Only what has the words is rewritten: front events, the newest fronts, and the models of results.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "v0007"
down_revision = "v0006"


def upgrade() -> None:
    """To this schema."""
    _rewrite_fronts("finished", "trained")
    _rewrite_models("binds", "active")


def downgrade() -> None:
    """Back to the schema before."""
    _rewrite_fronts("trained", "finished")
    _rewrite_models("active", "binds")


def front_of(event: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """A front event that says in another word what it is the front of."""
    return {**event, "of": new} if event.get("of") == old else event


def model_with(outcome: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """A model whose budget has a field of another name."""
    budget = outcome.get("budget")
    if not isinstance(budget, dict) or old not in budget:
        return outcome
    return {**outcome, "budget": {new if name == old else name: value for name, value in budget.items()}}


def result_with(result: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    """The result of a search or an export, the budgets of whose models have a field of another name."""
    made = dict(result)
    if isinstance(models := result.get("models"), dict):
        made["models"] = {target: model_with(model, old, new) for target, model in models.items()}
    if isinstance(model := result.get("model"), dict):
        made["model"] = model_with(model, old, new)
    return made


_JOBS = sa.table("jobs", sa.column("id"), sa.column("result", sa.JSON(none_as_null=True)))
_MODELS = sa.table("models", sa.column("id"), sa.column("outcome", sa.JSON))
_EVENTS = sa.table("job_events", *map(sa.column, ("job_id", "seq", "type", "data")))
_FRONTS = sa.table("fronts", *map(sa.column, ("job_id", "target", "of", "data")))


def _rewrite_fronts(old: str, new: str) -> None:
    connection = op.get_bind()
    for job_id in connection.scalars(sa.select(_JOBS.c.id)).all():
        of_job = sa.select(_EVENTS).where(_EVENTS.c.job_id == job_id, _EVENTS.c.type == "front")
        for row in connection.execute(of_job).all():
            same_event = sa.and_(_EVENTS.c.job_id == job_id, _EVENTS.c.seq == row.seq)
            connection.execute(sa.update(_EVENTS).where(same_event).values(data=_text(row.data, old, new)))
    for row in connection.execute(sa.select(_FRONTS).where(_FRONTS.c.of == old)).all():
        same_front = sa.and_(_FRONTS.c.job_id == row.job_id, _FRONTS.c.target == row.target, _FRONTS.c.of == old)
        connection.execute(sa.update(_FRONTS).where(same_front).values(of=new, data=_text(row.data, old, new)))


def _text(data: str, old: str, new: str) -> str:
    return json.dumps(front_of(json.loads(data), old, new), separators=(",", ":"))


def _rewrite_models(old: str, new: str) -> None:
    connection = op.get_bind()
    for job in connection.execute(sa.select(_JOBS)).all():
        if job.result is not None:
            changed = result_with(job.result, old, new)
            connection.execute(sa.update(_JOBS).where(_JOBS.c.id == job.id).values(result=changed))
    for model in connection.execute(sa.select(_MODELS)).all():
        changed = model_with(model.outcome, old, new)
        connection.execute(sa.update(_MODELS).where(_MODELS.c.id == model.id).values(outcome=changed))
