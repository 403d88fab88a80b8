"""The service is killed and started again while pages follow a job: they say so, resume by themselves, and show each event once."""

from itertools import count
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from api.testing.browser import signed_in
from api.testing.fake_engine import LONG
from api.testing.server import Server, eventually
from tests.api.conftest import body
from tests.dashboard.views import all_events

STEPS = LONG + 150
AWAY = "The service cannot be reached"

EVENTS = "/events?q=candidate"
METRICS = "/events?type=metric"
SEARCH = "?sort=-metric&tables=hypervolume"


def numbers(events: list[dict[str, Any]], *types: str) -> list[int]:
    """Of the events of some types."""
    return [event["seq"] for event in events if event["type"] in types]


def shown(page: Page, many: int) -> list[int]:
    """The numbers of all lines of the events view in their order, once there are so many.

    Only those in sight are in the page, so that it is scrolled.
    """
    region = page.locator(".lines")
    expect(region.locator("li").first).to_have_attribute("aria-setsize", str(many))
    found: dict[int, int] = {}

    def complete() -> bool:
        seen: dict[str, Any] = region.evaluate(_LOOK, next(at for at in count(1) if at not in found))
        found.update(seen["lines"])
        return bool(len(found) == seen["count"])

    eventually(complete)
    return [found[position] for position in sorted(found)]


_LOOK = """
(region, missing) => {
  const lines = [...region.querySelectorAll("li")];
  const count = lines[0].ariaSetSize;
  region.scrollTop = ((missing - 1) / count) * region.scrollHeight - 50;
  return { count: Number(count), lines: lines.map((line) => [Number(line.ariaPosInSet), Number(line.dataset.seq)]) };
}
"""


def test_no_event_is_lost_or_doubled_when_the_service_is_killed(context: BrowserContext, fake: Server) -> None:
    job_id = fake.http.post("/v1/jobs", json=body(seed=STEPS)).json()["id"]
    pages: dict[str, Page] = {}
    for address in (EVENTS, METRICS, SEARCH):
        pages[address] = signed_in(context, fake)
        pages[address].goto(f"{fake.url}/jobs/{job_id}{address}")
    lines = pages[EVENTS].locator(".lines li")
    expect(lines.first).to_be_visible()
    expect(pages[SEARCH].locator(".candidates tbody tr").first).to_be_visible()

    fake.kill()
    for page in pages.values():
        expect(page.get_by_text(AWAY)).to_be_visible()
    assert lines.count() > 0  # what was shown stays
    fake.start()
    for page in pages.values():
        expect(page.get_by_text(AWAY)).to_be_hidden()
    eventually(lambda: fake.http.get(f"/v1/jobs/{job_id}").json()["progress"])
    fake.kill()
    fake.start()

    eventually(lambda: fake.http.get(f"/v1/jobs/{job_id}").json()["finished_at"])
    emitted = all_events(fake.http, job_id)
    assert [event["seq"] for event in emitted] == list(range(1, len(emitted) + 1))
    assert emitted[-1] == {"seq": len(emitted), "type": "end", "state": "succeeded"}
    for address, page in pages.items():
        expect(page.locator(".job-title").get_by_text("succeeded")).to_be_visible()
        assert page.url == f"{fake.url}/jobs/{job_id}{address}"
    others = numbers(emitted, *{event["type"] for event in emitted} - {"progress", "metric"})
    expect(pages[SEARCH].locator(".candidates caption")).to_have_text(f"{STEPS} of {STEPS} candidates")
    of_trained = {event["seq"] for event in emitted if event.get("of") == "trained"}  # whose lines name networks
    of_candidates = [seq for seq in numbers(emitted, "candidate", "front", "measurement") if seq not in of_trained]
    assert shown(pages[EVENTS], len(of_candidates)) == of_candidates
    pages[EVENTS].get_by_label("Search", exact=True).fill("")
    assert shown(pages[EVENTS], len(others)) == others
    assert shown(pages[METRICS], len(numbers(emitted, "metric"))) == numbers(emitted, "metric")
    pages[METRICS].get_by_label("Type").select_option("progress")
    assert shown(pages[METRICS], len(numbers(emitted, "progress"))) == numbers(emitted, "progress")
