"""What a number in a declaration may be; which of pydantic's errors are reported, and a line for each.

Not here: the service's error documents.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError


def number(value: Any) -> Any:
    """Rejects truth values and texts, which pydantic would turn into numbers; to be called before it."""
    if isinstance(value, bool | str):
        raise PydanticCustomError("number_type", "Input should be a number")
    return value


NUMBER: Final = BeforeValidator(number)
"""For the annotation of a number, after its bounds."""


def reportable(errors: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The errors that say what is wrong.

    Left out are those that only follow from others: a list short of its rejected elements, and that a value is not
    null where it may be null or something else.
    """
    return [error for error in errors if error["type"] != "none_required" and not _of_rejected_elements(error)]


def field_problems(errors: Iterable[Mapping[str, Any]], whole: str) -> list[str]:
    """A line for each error: the path to its field, or the name of the whole, what is wrong there, and what was read."""
    return [f"{'.'.join(map(str, e['loc'])) or whole}: {e['msg']}{_read(e)}" for e in reportable(errors)]


def _read(error: Mapping[str, Any]) -> str:
    """The rejected value, where it is no list or mapping and the message does not repeat it."""
    value = error["input"]
    if isinstance(value, list | tuple | dict) or str(value) in error["msg"]:
        return ""
    return f" (read: {json.dumps(value, ensure_ascii=False, default=str)[:60]})"


def _of_rejected_elements(error: Mapping[str, Any]) -> bool:
    return error["type"] == "too_short" and bool(len(error["input"]) >= error["ctx"]["min_length"])
