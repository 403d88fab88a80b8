"""Numbers in declarations, and the lines that report what is wrong."""

from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from search_spaces.validation import NUMBER, field_problems

NUMBERS = TypeAdapter(dict[str, Annotated[float, NUMBER]])


def lines(value: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        NUMBERS.validate_python(value)
    return field_problems(caught.value.errors(), "spec")


def test_numbers_are_numbers() -> None:
    assert NUMBERS.validate_python({"a": 1, "b": 0.5}) == {"a": 1.0, "b": 0.5}


def test_truth_values_and_texts_are_no_numbers() -> None:
    assert lines({"a": True, "b": "7"}) == [
        "a: Input should be a number (read: true)",
        'b: Input should be a number (read: "7")',
    ]


def test_an_error_of_the_whole_has_its_name_and_no_long_value() -> None:
    (line,) = lines([1, 2])
    assert line.startswith("spec: ") and "read" not in line
