"""The base of all bodies: unknown fields are refused, and so are NaN and Infinity; each shows an example of itself."""

import re
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict

NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9 ._\-]{0,99}$"
"""The form of names that people give."""


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _dated(value: Any) -> Any:
    if isinstance(value, str) and not re.match(r"\d{4}-\d\d-\d\d[Tt ]", value):
        raise ValueError("a time is written as 2026-01-31T12:00:00Z")
    return value


INTEGRAL: Final = BeforeValidator(_whole)
"""Beside `Field(strict=True)`: a whole number as JSON means it, 5 and 5.0, but no text and no truth value."""

Moment = Annotated[AwareDatetime, BeforeValidator(_dated)]
"""A time by RFC 3339, with its zone."""


class Wire(BaseModel):
    """Base of all bodies."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def examples(*documents: dict[str, Any]) -> ConfigDict:
    """The configuration of a body that shows examples of itself."""
    return ConfigDict(json_schema_extra={"examples": list(documents)})
