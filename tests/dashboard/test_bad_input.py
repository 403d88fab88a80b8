"""What the dashboard says when something is wrong: with the key, the job, the address, the service, or with what others wrote."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from api.testing.browser import announcements, said, signed_in
from api.testing.fake_engine import DEFECT, INFEASIBLE, LONG, SLOW
from api.testing.server import Server, eventually
from tests.api.conftest import body
from tests.api.test_datasets import ZIP, digits
from tests.dashboard.conftest import serving
from tests.dashboard.views import is_wider_than_its_window

MARKUP = "<img src=x onerror=window.hacked=1><b>bold</b>"


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One service with the fake engine for all tests of this module."""
    with serving(tmp_path_factory.mktemp("bad") / "home") as server:
        yield server


def queued(server: Server, **changes: Any) -> str:
    """Id of a new job."""
    job_id: str = server.http.post("/v1/jobs", json=body(**changes)).json()["id"]
    return job_id


def ended(server: Server, **changes: Any) -> str:
    """Id of a new job that has come to its end."""
    job_id = queued(server, **changes)
    eventually(lambda: server.http.get(f"/v1/jobs/{job_id}").json()["finished_at"])
    return job_id


def enter(page: Page, key: str) -> None:
    """Types a key where the page asks for one."""
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_role("button", name="Sign in", exact=True).click()


def test_a_wrong_key(context: BrowserContext, fake: Server) -> None:
    page = context.new_page()
    page.goto(f"{fake.url}/?state=failed")
    enter(page, "nas_wrong")
    field = page.get_by_label("Key", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("key", re.IGNORECASE))
    enter(page, fake.key)
    expect(page.get_by_role("heading", name="Jobs")).to_be_visible()
    assert page.url == f"{fake.url}/?state=failed"


def test_a_session_that_ends_during_use(context: BrowserContext, fake: Server) -> None:
    job_id = queued(fake, seed=SLOW)
    made = fake.http.post("/v1/api-keys", json={"name": "guest", "scopes": ["jobs:read", "jobs:write"]}).json()
    page = context.new_page()
    address = f"{fake.url}/jobs/{job_id}/events?type=progress"
    page.goto(address)
    enter(page, made["secret"])
    lines = page.locator(".lines li")
    expect(lines.first).to_be_visible()
    fake.http.delete(f"/v1/api-keys/{made['id']}")
    dialog = page.get_by_role("dialog", name="Sign in again")
    expect(dialog).to_be_visible()
    expect(lines.first).to_be_attached()  # the view below is as it was
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    before = int(lines.first.get_attribute("aria-setsize") or 0)
    enter(page, fake.key)
    expect(dialog).to_be_hidden()
    eventually(lambda: int(lines.first.get_attribute("aria-setsize") or 0) > before + 10)
    assert page.url == address
    fake.http.post(f"/v1/jobs/{job_id}/cancel")


def test_a_page_that_is_opened_without_a_session(page: Page, context: BrowserContext, fake: Server) -> None:
    address = f"{fake.url}/jobs/{ended(fake)}?sort=-metric"
    page.goto(address)
    expect(page.locator(".candidates tbody tr").first).to_be_visible()
    context.clear_cookies()
    page.reload()
    expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
    enter(page, fake.key)
    expect(page.locator(".candidates tbody tr").first).to_be_visible()
    assert page.url == address


@pytest.mark.parametrize(
    "seed, words, fix", [(INFEASIBLE, "No network is as fast as 0.001 ms.", "Allow 0.2 ms."), (DEFECT, "", "")]
)
def test_a_job_that_failed(seed: int, words: str, fix: str, page: Page, fake: Server) -> None:
    job_id = ended(fake, seed=seed)
    error = fake.http.get(f"/v1/jobs/{job_id}").json()["error"]
    assert "ZeroDivisionError" not in error["detail"]
    page.goto(f"{fake.url}/jobs/{job_id}")
    why = page.get_by_role("region", name="Why it failed")
    expect(why).to_contain_text(words or error["detail"])
    expect(why).to_contain_text(fix or error["fix"])
    expect(why).to_contain_text("No results were stored before it ended.")
    why.get_by_role("button", name="Try again").click()
    page.wait_for_url(re.compile(f"/jobs/(?!{job_id})job_"))
    assert fake.http.get(f"/v1{page.url.removeprefix(fake.url)}").json()["spec"]["seed"] == seed


def test_names_are_shown_as_text(page: Page, fake: Server) -> None:
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    made = fake.http.post("/v1/datasets", params={"name": "plain"}, content=digits(), headers=ZIP).json()
    listed = {"items": [{**made, "name": MARKUP}], "next_page_token": None}  # the service takes no such names
    page.route("**/v1/datasets?*", lambda route: route.fulfill(json=listed))
    job_id = ended(fake, data=made["id"])
    model_id = fake.http.get("/v1/models").json()["items"][0]["id"]
    page.route("**/README.md", lambda route: route.fulfill(body=f"# Card\n\n{MARKUP}<script>window.hacked=1</script>"))
    page.goto(f"{fake.url}/models/{model_id}")
    expect(page.get_by_role("heading", name="Card", exact=True)).to_be_visible()
    expect(page.locator("main img, main script")).to_have_count(0)
    page.goto(f"{fake.url}/new?data={made['id']}")
    expect(page.get_by_label("Images").locator("option:checked")).to_have_text(re.compile(re.escape(MARKUP)))
    query = "label=%3Cb%3E&q=%3Cimg%20src%3Dx%20onerror%3Dwindow.hacked%3D1%3E"
    for address in ("/", f"/jobs/{job_id}", f"/jobs/{job_id}/events", f"/jobs/{job_id}/candidates"):
        page.goto(f"{fake.url}{address}?{query}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.evaluate("window.hacked") is None
    assert wrong == []


def test_a_label_with_markup_is_rejected_in_words(page: Page, fake: Server) -> None:
    page.goto(f"{fake.url}/jobs/{ended(fake)}")
    page.get_by_role("button", name="Add labels").click()
    page.get_by_label("One label per line").fill("name=<b>x</b>")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The value of name may have letters")).to_be_visible()
    page.get_by_label("One label per line").fill("name=a - b")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.locator(".job-name")).to_have_text("a - b")


@pytest.mark.parametrize(
    "address, words",
    [
        ("/jobs/job_00000000000000000000000000", "There is no such job"),
        ("/jobs/nonsense/events", "There is no such job"),
        ("/models/mdl_00000000000000000000000000", "There is no model"),
        ("/models/nonsense", "Try again"),
        ("/jobs/nonsense/nowhere", "There is nothing at this address"),
    ],
)
def test_an_address_of_nothing(address: str, words: str, page: Page, fake: Server) -> None:
    page.goto(fake.url + address)
    expect(page.get_by_role("main")).to_contain_text(words)


def test_a_candidate_that_is_not_there(page: Page, fake: Server) -> None:
    page.goto(f"{fake.url}/jobs/{ended(fake)}/candidates?ids=nobody")
    expect(page.get_by_role("main")).to_contain_text("did not evaluate 'nobody'")
    page.get_by_role("link", name="All candidates").click()
    expect(page.locator("main tbody tr")).to_have_count(1)


def test_a_view_that_is_opened_while_the_service_is_away(page: Page, fake: Server) -> None:
    announcements(page)
    seen, unseen = ended(fake), ended(fake, seed=LONG)
    page.goto(f"{fake.url}/jobs/{seen}")
    expect(page.locator(".candidates tbody tr").first).to_be_visible()
    page.get_by_role("link", name="Jobs", exact=True).click()
    link = page.locator(f'a[href="/jobs/{unseen}"]').first
    expect(link).to_be_visible()
    fake.kill()
    link.click()
    expect(page.get_by_text("cannot be reached").first).to_be_visible()
    expect(page.get_by_role("main").get_by_text(re.compile("^Loading$|cannot be reached"))).to_be_visible()
    assert any("cannot be reached" in sentence for sentence in said(page))
    fake.start()
    expect(page.locator(".candidates caption")).to_have_text(f"{LONG} of {LONG} candidates")
    expect(page.get_by_text("cannot be reached")).to_have_count(0)


def test_a_phone_with_a_failed_job_and_long_names(context: BrowserContext, fake: Server) -> None:
    job_id = ended(fake, seed=INFEASIBLE)
    labels = {"name": "n" * 100, "x" * 60: "v" * 100}
    assert fake.http.patch(f"/v1/jobs/{job_id}", json={"labels": labels}, headers={"If-Match": "*"}).status_code == 200
    page = signed_in(context, fake)
    page.set_viewport_size({"width": 360, "height": 800})
    for address in ("/", f"/jobs/{job_id}/events"):
        page.goto(fake.url + address)
        expect(page.get_by_text("n" * 100).first).to_be_visible()
        assert not is_wider_than_its_window(page)
