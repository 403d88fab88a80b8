"""Every view of the dashboard with its address and what shows that it is there: for tests that go through all of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx2
from playwright.sync_api import Page


@dataclass(frozen=True)
class Finished:
    """A finished search: what the addresses of its views are made of."""

    job: dict[str, Any]
    model_id: str
    architecture_ids: tuple[str, ...]
    """Of its front, the fastest first, and of further candidates."""

    @property
    def address(self) -> str:
        """Of its page."""
        return f"/jobs/{self.job['id']}"


@dataclass(frozen=True)
class View:
    """One view, or a dialog over it."""

    name: str
    address: Callable[[Finished], str]
    ready: str
    """A selector that finds something as soon as the view is full."""
    button: str = ""
    """Name of the button that opens the dialog, a pattern."""

    def open(self, page: Page, origin: str, of: Finished) -> None:
        """Goes there, and waits until it is full."""
        page.goto(origin + self.address(of))
        page.locator(self.ready).first.wait_for()
        page.locator("p.loading").first.wait_for(state="hidden")
        if self.button:
            page.get_by_role("button", name=re.compile(f"^({self.button})$")).first.click()
            page.locator("dialog[open]").wait_for()


def _compared(of: Finished, count: int) -> str:
    return ",".join(of.architecture_ids[:count])


_GROWN: Final = ".chart-summary:has-text('after the last evaluation'):not(:has-text(': 0.00 %'))"
"""Summaries of charts follow what they sum up with a delay."""

VIEWS: Final = (
    View("jobs", lambda of: "/", "table.jobs tbody tr"),
    View("new-search", lambda of: "/new", ".estimate .facts"),
    View("search", lambda of: f"{of.address}?selected={_compared(of, 2)}", _GROWN),
    View("training", lambda of: f"{of.address}/training", "main h1"),
    View("candidates", lambda of: f"{of.address}/candidates?pick={_compared(of, 2)}", "main tbody tr"),
    View("candidate", lambda of: f"{of.address}/candidates?ids={_compared(of, 1)}", "main svg"),
    View("compare", lambda of: f"{of.address}/candidates?ids={_compared(of, 2)}", "main svg"),
    View("models", lambda of: "/models", "main tbody tr"),
    View("model", lambda of: f"/models/{of.model_id}", "#card-title + *"),
    View("events", lambda of: f"{of.address}/events", ".lines li"),
    View("not-found", lambda of: f"{of.address}/nowhere", "main h1"),
    View("labels", lambda of: of.address, ".candidates tbody tr", "(Add|Change) labels"),
    View("delete-job", lambda of: of.address, ".candidates tbody tr", "Delete"),
    View("delete-model", lambda of: f"/models/{of.model_id}", "#card-title + *", "Delete"),
)


def finished_search(http: httpx2.Client) -> Finished | None:
    """The newest search of a service that evaluated candidates (a cached one has none) and exported a model."""
    for job in http.get("/v1/jobs", params={"state": "succeeded", "kind": "search"}).json()["items"]:
        events = all_events(http, job["id"])
        fronts = [event["points"] for event in events if event["type"] == "front"]
        on_front = [point["architecture_id"] for point in fronts[-1]] if fronts else []
        others = [event["architecture_id"] for event in events if event["type"] == "candidate"]
        if others:
            model, *_ = job["result"]["models"].values()
            return Finished(job, model["model_id"], tuple(dict.fromkeys(on_front + others)))
    return None


def all_events(http: httpx2.Client, job_id: str) -> list[dict[str, Any]]:
    """The events of a job, each with its number as `seq`."""
    found: list[dict[str, Any]] = []
    ended = False
    while not ended:
        after = found[-1]["seq"] if found else 0
        page = http.get(f"/v1/jobs/{job_id}/events", params={"after": after, "page_size": 1000}).json()
        found += [{"seq": item["seq"], **item["event"]} for item in page["items"]]
        ended = not page["items"] or (page["ended"] and len(page["items"]) < 1000)
    return found


def is_wider_than_its_window(page: Page) -> bool:
    """Whether the page scrolls sideways."""
    wider: bool = page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
    return wider
