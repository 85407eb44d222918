"""A sequence of twenty steps with three nested branches, built by mouse, by keyboard and on a touch screen."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from campaigns.models import Campaign
from sequences.models import Step
from team.models import Membership
from tests.browser.accounts import sign_in
from tests.browser.sequences.conftest import Builder

# What is built, in the order of building: the sort, the lane ("" is the main path, else the path of outcomes), the place.
# Each branch stands in the yes-lane of the one before, so that three are nested.
PLAN = [
    ("email", "", 0), ("wait", "", 1), ("if-list", "", 2), ("email", "", 3), ("wait", "", 4), ("email", "", 5),
    ("email", "yes", 0), ("if-list", "yes", 1), ("wait", "yes", 2), ("email", "no", 0), ("exit", "no", 1),
    ("wait", "yes.yes", 0), ("if-list", "yes.yes", 1), ("email", "yes.yes", 2), ("goal", "yes.no", 0),
    ("email", "yes.yes.yes", 0), ("wait", "yes.yes.yes", 1), ("add-to-list", "yes.yes.yes", 2),
    ("email", "yes.yes.no", 0), ("exit", "yes.yes.no", 1),
]  # fmt: skip
SHAPE = [
    ("root", "email"), ("root", "wait"), ("root", "branch"),
    ("yes", "email"), ("yes", "branch"),
    ("yes", "wait"), ("yes", "branch"),
    ("yes", "email"), ("yes", "wait"), ("yes", "action"),
    ("no", "email"), ("no", "exit"),
    ("yes", "email"),
    ("no", "goal"),
    ("yes", "wait"),
    ("no", "email"), ("no", "exit"),
    ("root", "email"), ("root", "wait"), ("root", "email"),
]  # fmt: skip


class Plan:
    """Finds the lanes of the plan in what has been built so far."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.branches: dict[str, str] = {}

    def lane(self, path: str) -> str:
        """The lane's name: of the branch that the path leads to, the outcome at its end."""
        if not path:
            return "root"
        owner, _, outcome = path.rpartition(".")
        return f"{self.branches[owner]}.{outcome}"

    def note(self, sort: str, path: str, index: int) -> None:
        """Remember the branch that has just been built."""
        if sort == "if-list":
            self.branches[path] = self.builder.keys_in(self.lane(path))[index]


def build(builder: Builder, add: Callable[[str, Locator], None]) -> None:
    """Build the plan, each step by `add(sort, place)`."""
    plan = Plan(builder)
    for count, (sort, path, index) in enumerate(PLAN, start=1):
        add(sort, builder.plus(plan.lane(path), index))
        builder.settled(count)
        plan.note(sort, path, index)
    assert builder.shape() == SHAPE


def centre(place: Locator) -> tuple[float, float]:
    box = place.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_by_mouse(builder: Builder, page: Page, axe: Callable[..., list[str]]) -> None:
    def drag(sort: str, place: Locator) -> None:
        place.scroll_into_view_if_needed()
        tool = page.locator(f"[data-tool='{sort}']")
        tool.scroll_into_view_if_needed()
        page.mouse.move(*centre(tool))
        page.mouse.down()
        page.mouse.move(*centre(place), steps=4)
        expect(page.locator(".plus.is-target")).to_have_count(1)
        page.mouse.up()

    build(builder, drag)
    assert axe() == []


def test_by_keyboard(builder: Builder, page: Page) -> None:
    def choose(sort: str, place: Locator) -> None:
        # The place is reached as a reader reaches it: by arrow keys from where the focus is.
        wanted = place.get_attribute("id")
        page.keyboard.press("Home")
        for _ in range(100):
            if page.evaluate("document.activeElement.id") == wanted:
                break
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        choice = page.locator(f"#seq-add [data-add='{sort}']")
        expect(choice).to_be_visible()
        for _ in range(40):
            if page.evaluate("document.activeElement.dataset.add") == sort:
                break
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")

    builder.plus("root", 0).focus()
    build(builder, choose)


@pytest.fixture
def phone(browser: Browser, live_server: LiveServer, member: Membership, campaign: Campaign) -> Page:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    page = context.new_page()
    sign_in(page, member.user, live_server.url)
    return page


def test_on_a_touch_screen(phone: Page, live_server: LiveServer, campaign: Campaign) -> None:
    builder = Builder(phone, campaign.sequence, live_server.url)
    builder.open()

    def tap(sort: str, place: Locator) -> None:
        place.tap()
        phone.locator(f"#seq-add [data-add='{sort}']").tap()

    build(builder, tap)
    # A step is dragged by its grip: the last email of the main path to its start.
    last = builder.keys_in()[-1]
    grip = phone.locator(f".step[data-key='{last}'] > .step-card [data-grip]")
    grip.scroll_into_view_if_needed()
    x, y = centre(grip)
    target = builder.plus("root", 4)
    touch = phone.context.new_cdp_session(phone)
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    to_x, to_y = centre(target)
    for part in (0.3, 0.6, 1):
        point = {"x": x + (to_x - x) * part, "y": y + (to_y - y) * part}
        touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
    expect(phone.locator(".plus.is-target")).to_have_count(1)
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(phone.locator(f".lane[data-lane=root] > .step:nth-child(5)[data-key='{last}']")).to_have_count(1)
    assert builder.keys_in()[4] == last


def test_a_drag_is_given_up_by_escape(builder: Builder, page: Page) -> None:
    tool, place = page.locator("[data-tool=email]"), builder.plus("root", 0)
    page.mouse.move(*centre(tool))
    page.mouse.down()
    page.mouse.move(*centre(place), steps=4)
    expect(page.locator(".plus.is-target")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator(".seq-ghost")).to_have_count(0)
    page.mouse.up()
    builder.settled(0)
    assert Step.objects.filter(version__sequence=builder.sequence).count() == 0


def test_a_step_is_dragged_by_its_grip_but_not_into_itself(
    builder: Builder, page: Page, fill: Callable[..., None]
) -> None:
    fill([
        {"key": "ask", "kind": "branch", "on": "list", "lanes": {"yes": [{"key": "in", "kind": "wait", "wait": "P1D"}]}},
        {"key": "after", "kind": "wait", "wait": "P2D"},
    ])  # fmt: skip
    builder.open()
    grip = page.locator("#card-ask [data-grip]")
    page.mouse.move(*centre(grip))
    page.mouse.down()
    page.mouse.move(*centre(builder.plus("ask.yes", 0)), steps=4)
    # The nearest place outside of it, if there is one in reach; never one within.
    assert page.locator(".step[data-key=ask] .plus.is-target").count() == 0
    page.mouse.move(*centre(builder.plus("root", 2)), steps=4)
    expect(page.locator(".plus.is-target")).to_have_count(1)
    page.mouse.up()
    expect(page.locator(".lane[data-lane=root] > .step:nth-child(2)[data-key=ask]")).to_have_count(1)
    assert builder.keys_in() == ["after", "ask"]
    assert builder.keys_in("ask.yes") == ["in"]
