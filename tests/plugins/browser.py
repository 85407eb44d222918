"""A real browser whose tests fail on a script error, a CSP violation or a request that leaves the machine."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import ConsoleMessage, Page, expect

CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or "/usr/bin/chromium"
)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
ARGUMENTS += ["--disable-sync", "--no-first-run", "--disable-dev-shm-usage"]
OWN_ORIGINS = ("http://localhost", "http://127.0.0.1")
# Playwright's five seconds are short on a machine that runs other tests at the same time.
expect.set_options(timeout=15_000)
# A page of ours whose scripts are not at work yet: a click now would do nothing, or less than it should.
NOT_READY = 'html:has(script[src*="/js/app."]):not([data-ready])'
# Nobody looks at a note in the corner later than that; on a busy machine a test does.
LASTING_TOASTS = "try { localStorage.setItem('toast-seconds', '120') } catch {}"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Start the system's Chromium."""
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "headless": True, "args": ARGUMENTS}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args: dict[str, Any]) -> dict[str, Any]:
    """A laptop's screen without animations."""
    return {**browser_context_args, "viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce"}


@pytest.fixture
def page(page: Page) -> Iterator[Page]:
    """A page that must stay clean: no script error, no CSP violation, no request to another machine."""
    faults: list[str] = []

    def check_console(message: ConsoleMessage) -> None:
        if message.type == "error" and "Content Security Policy" in message.text:
            faults.append(message.text)

    make_patient(page)
    page.context.on("page", make_patient)
    page.on("pageerror", lambda error: faults.append(f"script error: {error}"))
    page.on("console", check_console)
    page.on(
        "request", lambda request: faults.append(f"left the machine: {request.url}") if _leaves(request.url) else None
    )
    yield page
    assert not faults, faults


def make_patient(page: Page) -> None:
    """Have every action and expectation wait until the page's scripts are at work, also after a click that navigates."""
    page.add_locator_handler(page.locator(NOT_READY), lambda: None)
    page.add_init_script(LASTING_TOASTS)


def settle(page: Page) -> None:
    """Wait until the page's scripts are at work and nothing is being fetched for it: before looking at it as a whole."""
    expect(page.locator(NOT_READY)).to_have_count(0)
    expect(page.locator(".htmx-request")).to_have_count(0)


def _leaves(url: str) -> bool:
    return url.startswith(("http:", "https:", "ws:", "wss:")) and not url.startswith(OWN_ORIGINS)


@pytest.fixture
def axe(page: Page) -> Callable[..., list[str]]:
    """Return a function that lists the page's WCAG 2.2 AA violations: `assert axe() == []`."""
    script = (Path(settings.BASE_DIR) / "frontend/node_modules/axe-core/axe.min.js").read_text()

    def run(context: str = "document", **options: Any) -> list[str]:
        settle(page)
        page.evaluate(script)  # goes through the debugger, so the page's CSP does not stop it
        result = page.evaluate(
            "([context, options]) => axe.run(context === 'document' ? document : context, options)",
            [context, {"runOnly": WCAG, "resultTypes": ["violations"], **options}],
        )
        return [_describe(violation) for violation in result["violations"]]

    return run


def _describe(violation: dict[str, Any]) -> str:
    nodes = violation["nodes"]
    reasons = nodes[0].get("any") or nodes[0].get("all") or [{"message": ""}]
    return f"{violation['id']} ({violation['impact']}) x{len(nodes)}: {nodes[0]['html'][:150]} {reasons[0]['message'][:200]}"
