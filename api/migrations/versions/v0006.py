"""Stored events and results in the words of version 0.1: a metric has a name, a value and a direction.

Documents are rewritten in place, since clients and the dashboard read them as they are. The way back loses the metric's name alone.
"""

import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "v0006"
down_revision = "v0005"

_METRICS = ("accuracy", "balanced_accuracy", "macro_f1")

Rename = Callable[[Any, str], Any]
"""A document and the name of its job's metric to the document in other words."""


def upgrade() -> None:
    """To this schema."""
    _rewrite(renewed)


def downgrade() -> None:
    """Back to the schema before."""
    _rewrite(former)


def renewed(value: Any, metric: str) -> Any:
    """A stored document as this version reads it."""
    if isinstance(value, list):
        return [renewed(one, metric) for one in value]
    if not isinstance(value, dict):
        return value
    document = _renamed(value, _NEW, lambda one: renewed(one, metric))
    accuracy = value.get("accuracy")
    if set(_METRICS) <= set(value):  # of a model on the test set
        first = str(document.pop("metric", "accuracy"))
        document.pop("value", None)
        values = {name: document.pop(name) for name in _METRICS}
        names = [first, *(name for name in _METRICS if name != first)]
        document["metrics"] = [_metric(name, values[name]) for name in names]
    elif isinstance(accuracy, dict) and set(accuracy) == {"fp32", "int8"}:  # of a model, which was plain accuracy
        del document["accuracy"]
        document["metric"] = {name: _metric("accuracy", number) for name, number in accuracy.items()}
    elif isinstance(accuracy, int | float) and "architecture_id" in value:
        del document["accuracy"]
        document["metric"] = _metric(metric, accuracy)
    return document


def former(value: Any, metric: str) -> Any:
    """A stored document as the version before reads it; the inverse of `renewed`."""
    if isinstance(value, list):
        return [former(one, metric) for one in value]
    if not isinstance(value, dict):
        return value
    document = _renamed(value, _OLD, lambda one: former(one, metric))
    given = value.get("metric")
    if isinstance(value.get("metrics"), list) and "confusion" in value:
        del document["metrics"]
        document |= {one["name"]: one["value"] for one in value["metrics"]}
        document |= {"metric": value["metrics"][0]["name"], "value": value["metrics"][0]["value"]}
    elif isinstance(given, dict) and set(given) == {"fp32", "int8"}:
        document["accuracy"] = {name: one["value"] for name, one in given.items()}
        del document["metric"]
    elif isinstance(given, dict) and "architecture_id" in value:
        document["accuracy"] = given["value"]
        del document["metric"]
    return document


_NEW = {
    "queries": "evaluations",
    "finalising": "fine_tuning",
    "card": "accuracy_report",
    "bank_sha256": "supernet_sha256",
}
_OLD = {new: old for old, new in _NEW.items()}
_KEYED_BY_USERS = ("choices", "latency_ms", "feasible", "fronts", "estimates", "models", "reachable_ms")
"""Their keys are names of targets and choices, which may be any word."""


def _renamed(document: dict[str, Any], words: dict[str, str], inner: Callable[[Any], Any]) -> dict[str, Any]:
    """A document with its keys, its phase and the stages of its times in other words; `inner` rewrites what is inside."""
    made: dict[str, Any] = {}
    for key, value in document.items():
        if key in _KEYED_BY_USERS and isinstance(value, dict):
            made[key] = {name: inner(one) for name, one in value.items()}
        elif key == "seconds" and isinstance(value, dict):
            made[key] = {_stage(name, words): one for name, one in value.items()}
        elif key == "phase":
            made[key] = words.get(value, value)
        else:
            made[words.get(key, key)] = inner(value)
    return made


def _stage(name: str, words: dict[str, str]) -> str:
    """A stage with its target, such as `finalising:cpu`, in other words."""
    stage, colon, target = name.partition(":")
    return f"{words.get(stage, stage)}{colon}{target}"


def _metric(name: str, value: float) -> dict[str, Any]:
    return {"name": name, "value": value, "higher_is_better": True}


_JOBS = sa.table(
    "jobs",
    sa.column("id"),
    sa.column("spec", sa.JSON),
    sa.column("phase"),
    sa.column("progress", sa.JSON(none_as_null=True)),
    sa.column("result", sa.JSON(none_as_null=True)),
)
_TEXTS = {
    "job_events": ("job_id", "seq"),
    "candidates": ("job_id", "target", "number"),
    "fronts": ("job_id", "target", "of"),
}
"""Tables with a document as text in `data`, and their keys."""


def _rewrite(rename: Rename) -> None:
    """Every stored document that holds a metric, a phase or a number of evaluations."""
    connection = op.get_bind()
    for job in connection.execute(sa.select(_JOBS)).all():
        metric = _metric_of(job.spec)
        changed = rename({name: getattr(job, name) for name in ("phase", "progress", "result")}, metric)
        connection.execute(sa.update(_JOBS).where(_JOBS.c.id == job.id).values(changed))
        for name, keys in _TEXTS.items():
            table = sa.table(name, sa.column("data"), *map(sa.column, keys))
            for row in connection.execute(sa.select(table).where(table.c.job_id == job.id)).all():
                before = json.loads(row.data)
                if (after := rename(before, metric)) != before:
                    same = (table.c[key] == getattr(row, key) for key in keys)
                    connection.execute(
                        sa.update(table).where(*same).values(data=json.dumps(after, separators=(",", ":")))
                    )
    for name, column, keys in (("models", "outcome", ("id",)), ("latency_tables", "summary", ("tenant_id", "id"))):
        table = sa.table(name, sa.column(column, sa.JSON), *map(sa.column, keys))
        for row in connection.execute(sa.select(table)).all():
            same = (table.c[key] == getattr(row, key) for key in keys)
            document = rename(getattr(row, column), "accuracy")
            connection.execute(sa.update(table).where(*same).values({column: document}))


def _metric_of(spec: Any) -> str:
    """What a job's networks are compared by; an export's are by what its search was."""
    search = spec.get("search", spec) if isinstance(spec, dict) else {}
    return str(search.get("metric", "accuracy")) if isinstance(search, dict) else "accuracy"
