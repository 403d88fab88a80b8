"""The reference page of the interface says what the program does: addresses, states, events."""

import re
from pathlib import Path
from typing import get_args

from starlette.testclient import TestClient

from api.job_states import TRANSITIONS
from nas.events import Event, Phase
from nas.work import Effort

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "rest.md").read_text()


def test_all_addresses_are_listed(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    served = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    listed = set(re.findall(r"^\| `([A-Z]+ /\S*)`", PAGE, re.MULTILINE))
    assert listed == served


def test_the_table_of_states_is_that_of_the_program() -> None:
    section = PAGE.partition("## States of a job")[2].partition("## Events")[0]
    listed = {
        state: set(re.findall(r"`(\w+)`", following))
        for state, following in re.findall(r"^\| `(\w+)` \| .* \|([^|]*)\|$", section, re.MULTILINE)
    }
    assert listed == {state: set(ways) for state, ways in TRANSITIONS.items()}
    assert all(f"`{phase}`" in section for phase in get_args(Phase))


def test_all_types_of_events_are_listed() -> None:
    section = PAGE.partition("## Events")[2].partition("## Data sets")[0]
    union = get_args(get_args(Event)[0])
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == {
        kind.model_fields["type"].default for kind in union
    }


def test_the_spec_is_described(client: TestClient) -> None:
    fields = client.get("/openapi.json").json()["components"]["schemas"]["SearchWireSpec"]["properties"]
    section = PAGE.partition("## The spec of a search")[2].partition("## States")[0]
    assert all(f"`{field}`" in section for field in fields)
    assert all(f"`{effort}`" in section for effort in get_args(Effort))
