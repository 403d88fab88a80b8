"""Which of pydantic's errors are worth telling, and a line to each. Not here: the form that the service gives them."""

from collections.abc import Iterable, Mapping
from typing import Any


def telling(errors: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The errors that say what is wrong.

    Left out are those that only follow from others: a list short of the elements that were refused, and that a value is not
    null where it may be null or something else.
    """
    return [error for error in errors if error["type"] != "none_required" and not _of_refused_elements(error)]


def told(errors: Iterable[Mapping[str, Any]], whole: str) -> list[str]:
    """A line to each error that says what is wrong: the path to its field, or the name of the whole, and what is wrong there."""
    return [f"{'.'.join(map(str, e['loc'])) or whole}: {e['msg']}" for e in telling(errors)]


def _of_refused_elements(error: Mapping[str, Any]) -> bool:
    return error["type"] == "too_short" and bool(len(error["input"]) >= error["ctx"]["min_length"])
