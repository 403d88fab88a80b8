"""Which of pydantic's errors are worth telling. Not here: in which form, which each floor decides."""

from collections.abc import Iterable, Mapping
from typing import Any


def telling(errors: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The errors that say what is wrong.

    Left out are those that only follow from others: a list short of the elements that were refused, and that a value is not
    null where it may be null or something else.
    """
    return [error for error in errors if error["type"] != "none_required" and not _of_refused_elements(error)]


def _of_refused_elements(error: Mapping[str, Any]) -> bool:
    return error["type"] == "too_short" and bool(len(error["input"]) >= error["ctx"]["min_length"])
