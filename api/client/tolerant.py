"""Reads the service's documents as a client must: fields that it does not know are left out, values that it does not know are kept.

Where a text of a list is expected (a state, a phase, a kind), another text is kept; what is none of the known forms (a spec, a result,
an event of a later version) stays as its JSON has it. Not here: requests, in which the service itself refuses all of this.
"""

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic_core import SchemaValidator


@cache
def tolerant(kind: type[BaseModel]) -> SchemaValidator:
    """What reads documents of a kind, from JSON (`validate_json`) or Python (`validate_python`), with `extra="ignore"`."""
    # With the validators that pydantic has built already, only the outermost schema would be this one.
    return SchemaValidator(_widened(kind.__pydantic_core_schema__), _use_prebuilt=False)


def _widened(schema: Any) -> Any:
    """A schema in which every list of texts takes other texts, too, and every union of forms anything."""
    if isinstance(schema, list | tuple):
        return type(schema)(_widened(one) for one in schema)
    if not isinstance(schema, dict):
        return schema
    kind = schema.get("type")
    if kind == "literal":
        return _either(schema, {"type": "str"})
    if kind == "str":
        return {"type": "str"}  # the form of an id is the service's own affair
    found = {name: _widened(one) for name, one in schema.items()}
    return _either(found, {"type": "any"}) if kind in ("union", "tagged-union") else found


def _either(first: Any, second: Any) -> Any:
    return {"type": "union", "mode": "left_to_right", "choices": [first, second]}
