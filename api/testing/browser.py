"""Chromium under Playwright, for tests of the dashboard: where it is found, how it is started, and what is asked of every page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from api.testing.server import Server

CHROMIUM: Final = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HINT: Final = "no Chromium; on Debian: apt-get install chromium"
MISSING: Final = "the dashboard is not built; run: make dashboard"

_AXE: Final = Path(__file__).parents[2] / "api/dashboard/node_modules/axe-core/axe.min.js"

# A browser that asks nothing of the world outside, and runs in containers.
_OPTIONS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--enable-precise-memory-info",
    "--js-flags=--expose-gc",
)  # fmt: skip


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with a page as it is now: rule and element."""
    page.evaluate(_AXE.read_text())  # not as a script element, which the content security policy would have to allow
    found: list[dict[str, Any]] = page.evaluate(
        "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
    )
    return [
        f"{rule['id']}: {node['html'][:200]} ({node['failureSummary']})" for rule in found for node in rule["nodes"]
    ]


def signed_in(context: BrowserContext, server: Server) -> Page:
    """A page of a browser that holds a session; it is nowhere yet."""
    answer = context.request.post(f"{server.url}/v1/sessions", data={"key": server.key})
    assert answer.status == 201, answer.text()
    return context.new_page()


def announcements(page: Page) -> None:
    """Has the page keep what its live regions say, for `said`. Call it before the page goes anywhere."""
    page.add_init_script(_LISTEN)


def said(page: Page) -> list[str]:
    """What the live regions said since the page was loaded."""
    found: list[str] = page.evaluate("window.said")
    return found


_LISTEN: Final = """
window.said = [];
addEventListener("DOMContentLoaded", () => {
  const regions = "[aria-live]:not([aria-live=off]), [role=status], [role=alert]";
  const live = (node) => (node.nodeType === 1 ? node : node.parentElement)?.closest(regions);
  new MutationObserver((changes) => {
    for (const change of changes) {
      const region = live(change.target);
      if (region && region.textContent.trim()) window.said.push(region.textContent.trim());
    }
  }).observe(document, { subtree: true, childList: true, characterData: true });
});
"""
