"""The base of all bodies: unknown fields are refused, and so are NaN and Infinity; each shows an example of itself."""

from typing import Any, Final

from pydantic import BaseModel, ConfigDict

NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9 ._\-]{0,99}$"
"""The form of names that people give."""


class Wire(BaseModel):
    """Base of all bodies."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def examples(*documents: dict[str, Any]) -> ConfigDict:
    """The configuration of a body that shows examples of itself."""
    return ConfigDict(json_schema_extra={"examples": list(documents)})
