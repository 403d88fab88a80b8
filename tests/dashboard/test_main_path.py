"""The main path in a browser, against the real engine: sign in, start a search, watch its front grow, open a candidate,
download the model and run it. And again by keyboard alone.
"""

import hashlib
import re
from pathlib import Path

import numpy as np
from playwright.sync_api import BrowserContext, Locator, Page, expect

from api.testing.browser import announcements, said, signed_in
from api.testing.server import Server

PATIENCE_MS = 300_000
FRONT = "Points of the Pareto fronts; Enter selects"


def test_from_the_key_to_the_running_model(context: BrowserContext, real: Server, tmp_path: Path) -> None:
    page = context.new_page()
    page.goto(real.url)
    page.get_by_role("textbox", name="Key").fill(real.key)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()

    page.get_by_role("link", name="New search").first.click()
    page.get_by_role("button", name=re.compile("^Try it")).click()
    page.get_by_label("Training threads").fill("1")
    expect(page.get_by_text("Ready to start.")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("Architectures", exact=True)).to_be_visible()
    expect(page.get_by_text(re.compile("^A supernet is trained"))).to_be_visible()
    page.get_by_role("button", name="Start search").click()
    expect(page).to_have_url(re.compile("/jobs/job_"))

    sizes = growth(page)
    assert sizes == sorted(sizes) and len(set(sizes)) > 1, "the front did not grow while it was watched"

    # What is clicked is the plot above all points, which finds the nearest.
    page.get_by_role("listbox", name=FRONT).get_by_role("option").first.click(force=True)
    page.get_by_role("link", name="Open the candidate").click()
    expect(page.get_by_role("heading", name="Candidate", exact=True)).to_be_visible()
    expect(page.get_by_role("heading", name="Networks")).to_be_visible()

    page.get_by_role("link", name=re.compile("^model for cpu")).click(timeout=PATIENCE_MS)
    expect(page.get_by_text("The budget of")).to_be_visible()
    assert (
        page.get_by_role("region", name="Confusion matrix").get_by_role("row").count() == 11
    )  # ten digits and the head
    content = downloaded(page, "model.int8.onnx", tmp_path)
    expect(page.get_by_text("hash verified")).to_be_visible()
    assert runs(content) == (2, 10)


def test_the_same_by_keyboard_alone(context: BrowserContext, real: Server, tmp_path: Path) -> None:
    page = context.new_page()
    announcements(page)
    page.goto(real.url)
    tab_to(page, page.get_by_role("textbox", name="Key"))
    page.keyboard.type(real.key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Jobs", exact=True)).to_be_visible()

    tab_to(page, page.get_by_role("link", name="New search").first)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="New search", exact=True)).to_be_focused()
    tab_to(page, page.get_by_role("button", name=re.compile("^Try it")))
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_label("Training threads"))
    page.keyboard.type("1")
    tab_to(page, page.get_by_role("button", name="Start search"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/jobs/job_"))
    assert "Queued" in said(page)

    # The store knows this search already, or most of it.
    points = page.get_by_role("listbox", name=FRONT)
    expect(points.get_by_role("option").first).to_be_attached(timeout=PATIENCE_MS)
    tab_to(page, points)
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(
        points.get_by_role("option", selected=True).first
    ).to_be_attached()  # and its measurement, when it is a final model
    assert any(sentence.endswith("is selected") for sentence in said(page)), said(page)
    tab_to(page, page.get_by_role("link", name="Open the candidate"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Candidate", exact=True)).to_be_focused()

    model = page.get_by_role("link", name=re.compile("^model for cpu"))
    expect(model).to_be_attached(timeout=PATIENCE_MS)
    tab_to(page, model)
    page.keyboard.press("Enter")
    button = page.get_by_role("button", name="Download model.int8.onnx")
    expect(button).to_be_attached()
    tab_to(page, button)
    with page.expect_download() as started:
        page.keyboard.press("Enter")
    path = tmp_path / "model.onnx"
    started.value.save_as(path)
    assert runs(path.read_bytes()) == (2, 10)
    assert any("model.int8.onnx is downloaded" in sentence for sentence in said(page))


def test_both_searches_of_the_page_are_listed(context: BrowserContext, real: Server) -> None:
    page = signed_in(context, real)
    page.goto(real.url)
    expect(page.get_by_role("row")).to_have_count(3)  # the head, and the two searches of this module


def growth(page: Page) -> list[int]:
    """How many candidates the page counted, each time it changed, until the search has ended."""
    summary = page.get_by_text(re.compile(r"^[\d,]+ candidates\. "))
    expect(summary.first).to_be_attached(timeout=PATIENCE_MS)
    sizes: list[int] = []
    while True:
        size = int((summary.first.text_content() or "").split()[0].replace(",", ""))
        if size not in sizes[-1:]:
            sizes.append(size)
        # The stage before may stand there for a moment longer than it takes.
        later = page.locator(".job-title, .job-stage strong").filter(
            has_text=re.compile("fine-tuning|exporting|succeeded")
        )
        if len(sizes) > 2 or later.count():
            return sizes
        page.wait_for_timeout(100)


def tab_to(page: Page, wanted: Locator, most: int = 200) -> None:
    """Presses Tab until an element has the focus."""
    expect(wanted).to_have_count(1)
    for _ in range(most):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{wanted} cannot be reached with the keyboard")


def downloaded(page: Page, name: str, folder: Path) -> bytes:
    """A file of the model that the page shows, as the browser saved it."""
    with page.expect_download() as started:
        page.get_by_role("button", name=f"Download {name}").click()
    path = folder / name
    started.value.save_as(path)
    content = path.read_bytes()
    assert page.get_by_title(hashlib.sha256(content).hexdigest()).count() == 1
    return content


def runs(model: bytes) -> tuple[int, ...]:
    """The shape of what a model answers for two black images."""
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (pixels,) = session.get_inputs()
    shape = [side if isinstance(side, int) else 2 for side in pixels.shape]
    return tuple(session.run(None, {pixels.name: np.zeros(shape, np.uint8)})[0].shape)
