"""Reads the service's documents as a client must: unknown fields are left out, unknown values are kept.

Where one of a list of strings is expected (a state, a phase, a kind), any string is kept; what matches no known model (a spec, a result,
an event of a later version) stays as its JSON has it. Not here: requests, in which the service itself rejects all of this.
"""

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic_core import SchemaValidator


@cache
def tolerant(kind: type[BaseModel]) -> SchemaValidator:
    """The validator of documents of a kind, from JSON (`validate_json`) or Python (`validate_python`), with `extra="ignore"`."""
    # With the validators that pydantic has built already, only the outermost schema would be this one.
    return SchemaValidator(_relaxed(kind.__pydantic_core_schema__), _use_prebuilt=False)


def _relaxed(schema: Any) -> Any:
    """A schema in which every enumeration of strings takes any string, and every union of models anything."""
    if isinstance(schema, list | tuple):
        return type(schema)(_relaxed(one) for one in schema)
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    if kind == "literal":
        return _either(schema, {"type": "str"})
    if kind == "str":
        return {"type": "str"}  # the pattern of an id is up to the service
    found = {name: _relaxed(one) for name, one in schema.items()}
    return _either(found, {"type": "any"}) if kind in ("union", "tagged-union") else found


def _either(first: Any, second: Any) -> Any:
    return {"type": "union", "mode": "left_to_right", "choices": [first, second]}
