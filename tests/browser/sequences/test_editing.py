"""Undoing, moving, copying and setting up steps in the builder; two tabs at once; what is wrong, marked in place."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from campaigns.models import Campaign, Status
from sequences import selectors
from sequences.models import Sequence
from tests.browser.sequences.conftest import Builder
from tests.factories.campaigns import make_list
from tests.factories.sequences import SOURCE

LETTER = {"kind": "email", "subject": "Hello", "format": "html", "source": SOURCE}
STEPS = [
    {"key": "hello", **LETTER},
    {"key": "pause", "kind": "wait", "wait": "P2D"},
    {"key": "ask", "kind": "branch", "on": "engagement", "step": "hello", "lanes": {
        "yes": [{"key": "thanks", **LETTER, "subject": "Thanks"}],
        "no": [{"key": "again", **LETTER, "subject": "Again"}, {"key": "stop", "kind": "exit"}],
    }},
    {"key": "bye", **LETTER, "subject": "Goodbye"},
]  # fmt: skip
COUNT = 7


@pytest.fixture
def filled(builder: Builder, fill: Callable[..., None]) -> Builder:
    """The builder with a letter, a wait, a branch and a farewell."""
    fill(STEPS)
    builder.open()
    builder.settled(COUNT)
    return builder


def test_everything_is_undone_to_empty_and_done_again(builder: Builder, page: Page) -> None:
    for count, sort in enumerate(("email", "wait", "if-engaged", "email"), start=1):
        builder.plus("root", count - 1).click()
        page.locator(f"#seq-add [data-add={sort}]").click()
        builder.settled(count)
    shape = builder.shape()
    for count in (3, 2, 1, 0):
        page.keyboard.press("Control+z")
        builder.settled(count)
    expect(page.get_by_role("heading", name="Nothing happens yet")).to_be_visible()
    expect(page.locator("#seq-undo")).to_be_disabled()
    for count in (1, 2, 3, 4):
        page.keyboard.press("Control+y")
        builder.settled(count)
    assert builder.shape() == shape
    expect(page.locator("#seq-redo")).to_be_disabled()


def test_a_removed_step_is_brought_back_by_the_toast(filled: Builder, page: Page) -> None:
    filled.step("Clicked or replied").focus()
    page.keyboard.press("Delete")
    filled.settled(3)
    expect(page.locator("#seq-live")).to_have_text("Removed a branch and 3 steps in its lanes.")
    expect(filled.step("Goodbye")).to_be_focused()
    page.locator(".toast", has_text="Removed a branch").get_by_role("button", name="Undo").click()
    filled.settled(COUNT)


def test_alt_and_arrows_move_a_step_into_lanes_and_out(filled: Builder, page: Page) -> None:
    step = page.locator("#step-pause")
    step.focus()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator("[data-lane='ask.yes'] > [data-key=pause]")).to_have_count(1)
    expect(step).to_be_focused()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator("[data-lane='ask.yes'] > .step:nth-child(2)[data-key=pause]")).to_have_count(1)
    page.keyboard.press("Alt+ArrowUp")
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("[data-lane=root] > .step:nth-child(2)[data-key=pause]")).to_have_count(1)
    expect(page.locator("#seq-live")).to_have_text("Moved a wait.")


def test_a_step_is_moved_by_its_menu(filled: Builder, page: Page) -> None:
    page.locator("#menu-bye").click()
    page.get_by_role("button", name="Move to…").click()
    dialog = page.get_by_role("dialog", name="Move to…")
    expect(dialog).to_contain_text("Goodbye")
    dialog.get_by_role("button", name="Main path, before step 2, Wait 2 days").click()
    expect(page.locator("[data-lane=root] > .step:nth-child(2)[data-key=bye]")).to_have_count(1)


def test_steps_and_lanes_are_copied_also_into_another_campaign(
    filled: Builder, page: Page, other_campaign: Campaign
) -> None:
    page.locator("#step-hello").focus()
    page.keyboard.press("Control+c")
    expect(page.locator("#seq-live")).to_have_text("Copied 1 step.")
    page.locator("#step-bye").focus()
    page.keyboard.press("Control+v")
    filled.settled(COUNT + 1)
    expect(filled.steps.last).to_contain_text("Hello")

    page.locator("[data-lane-menu='ask.no']").click()
    page.get_by_role("button", name="Copy the lane").click()
    expect(page.locator("#seq-live")).to_have_text("Copied 2 steps.")
    elsewhere = Builder(page, other_campaign.sequence, filled.address.split("/sequences/")[0])
    elsewhere.open()
    elsewhere.plus("root", 0).click()
    page.get_by_role("button", name="Paste 2 steps").click()
    elsewhere.settled(2)
    assert elsewhere.shape() == [("root", "email"), ("root", "exit")]


def test_a_setting_is_refused_beside_its_field_and_saved_when_it_is_right(filled: Builder, page: Page) -> None:
    page.locator("#step-pause").click()
    panel = page.locator("#panel")
    expect(panel.get_by_role("heading", name="2 · Wait")).to_be_focused()
    panel.get_by_label("How long").fill("900")
    panel.get_by_role("button", name="Save").click()
    expect(panel.locator("[data-error-summary]")).to_be_focused()
    expect(panel).to_contain_text("A wait takes from one second to two years.")
    panel.get_by_label("How long").fill("3")
    panel.get_by_role("button", name="Save").click()
    expect(filled.step("Wait 3 days")).to_be_visible()
    expect(page.locator("#seq-live")).to_have_text("Saved a wait.")
    expect(panel.locator("[data-unsaved]")).to_be_hidden()
    # The panel knows the new revision: it can save again at once.
    panel.get_by_label("How long").fill("4")
    panel.get_by_role("button", name="Save").click()
    expect(filled.step("Wait 4 days")).to_be_visible()


def test_a_split_must_make_a_hundred(builder: Builder, page: Page) -> None:
    builder.plus("root", 0).click()
    page.locator("#seq-add [data-add=split]").click()
    builder.settled(1)
    builder.step("Split 50 / 50").click()
    panel = page.locator("#panel")
    panel.get_by_role("button", name="Add a lane").click()
    panel.get_by_label("Percent of lane 3").fill("20")
    expect(panel.locator("[data-split-total]")).to_have_text("120% in all, not 100")
    panel.get_by_role("button", name="Save").click()
    expect(panel.locator("[data-error-summary]")).to_contain_text("The percents make 120, not 100.")
    panel.get_by_role("button", name="Share evenly").click()
    panel.get_by_role("button", name="Save").click()
    expect(builder.step("Split 34 / 33 / 33")).to_be_visible()
    expect(page.locator(".branch-label")).to_have_count(3)


def test_a_branch_asks_something_else_and_keeps_its_lanes(filled: Builder, page: Page) -> None:
    make_list(filled.sequence.workspace, name="Friends")
    page.locator("#step-ask").click()
    panel = page.locator("#panel")
    panel.get_by_label("Sort").select_option(label="If in a list")
    panel.locator("#step_list").select_option(label="Friends")
    panel.get_by_role("button", name="Save").click()
    expect(filled.step("In list “Friends”?")).to_be_visible()
    filled.settled(COUNT)


def test_a_stale_tab_is_told_what_changed_and_can_reload(filled: Builder, page: Page) -> None:
    other = page.context.new_page()
    elsewhere = Builder(other, filled.sequence, filled.address.split("/sequences/")[0])
    elsewhere.open()
    elsewhere.step("Goodbye").focus()
    other.keyboard.press("Delete")
    elsewhere.settled(COUNT - 1)

    page.locator("#step-hello").focus()
    page.keyboard.press("Delete")
    bar = page.locator("#seq-stale")
    expect(bar).to_contain_text("removed the email “Goodbye”")
    assert len(filled.shape()) == COUNT - 1
    bar.get_by_role("button", name="Reload to see it").click()
    filled.settled(COUNT - 1)
    expect(bar).to_be_hidden()


def test_what_is_wrong_is_marked_where_it_is(builder: Builder, page: Page, fill: Callable[..., None]) -> None:
    fill([
        {"key": "bare", "kind": "email", "subject": "No way out", "format": "html", "source": "<p>Hi</p>"},
        {"key": "go", "kind": "jump", "to": "bare"},
        {"key": "lost", "kind": "wait", "wait": "P1D"},
    ])  # fmt: skip
    builder.open()
    expect(page.locator("#card-bare")).to_contain_text("It has no unsubscribe link.")
    expect(page.locator("#card-go")).to_contain_text("It jumps back without a wait on the way.")
    expect(page.locator("#card-lost")).to_contain_text("Nobody can get here")
    page.get_by_role("button", name="to mend").click()
    expect(page.locator("#step-go")).to_be_focused()


def test_members_talk_about_a_step(filled: Builder, page: Page) -> None:
    page.locator("#step-hello").click()
    panel = page.locator("#panel")
    panel.get_by_label("Say something about this step").fill("Shorter, please.")
    panel.get_by_role("button", name="Comment").click()
    expect(panel.locator(".seq-comment")).to_contain_text("Shorter, please.")
    expect(page.locator("#card-hello [data-comments]")).to_contain_text("1")
    panel.get_by_role("button", name="Resolve").click()
    expect(panel).to_contain_text("Resolved by")
    expect(page.locator("#card-hello [data-comments]")).to_be_hidden()


def test_a_preset_is_launched_as_it_is_after_its_check(builder: Builder, page: Page, work: object) -> None:
    page.locator("[data-preset=welcome]").click()
    builder.settled(6)
    page.get_by_role("link", name="Review").click()
    expect(page.locator("#launch button:enabled")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Launch…").click()
    page.get_by_role("button", name="Send to 3").click()
    expect(page.locator(".pill", has_text="Running")).to_be_visible()
    campaign = Campaign.objects.get(sequence=builder.sequence)
    assert campaign.status == Status.RUNNING
    assert Sequence.objects.get(pk=builder.sequence.pk).live_version is not None
    # What is live is shown, and not changed here.
    builder.open()
    expect(page.locator(".plus-btn")).to_have_count(0)
    expect(page.locator("[data-entered]")).to_have_text("3 people")
    assert selectors.draft_version(builder.sequence) is None


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_page_is_accessible(filled: Builder, page: Page, axe: Callable[..., list[str]], theme: str) -> None:
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    filled.open()
    expect(page.locator(f"html[data-bs-theme={theme}]")).to_have_count(1)
    assert axe() == []
    filled.plus("ask.yes", 0).click()
    expect(page.locator("#seq-add")).to_be_visible()
    assert axe() == []
    page.keyboard.press("Escape")
    page.locator("#step-ask").click()
    expect(page.locator("#step-form")).to_be_visible()
    assert axe() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_rules_are_set_in_a_dialog_and_stand_where_contacts_enter(
    filled: Builder, page: Page, axe: Callable[..., list[str]], theme: str
) -> None:
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    filled.open()
    page.get_by_role("button", name="Rules: Replies end nothing").click()
    dialog = page.get_by_role("dialog", name="Rules")
    expect(dialog).to_be_visible()
    assert axe() == []
    dialog.get_by_label("It ends for them").check()
    dialog.get_by_role("button", name="Save rules").click()
    expect(dialog).to_have_count(0)
    expect(page.locator("#seq-rules")).to_have_text("Rules: A reply ends it")
    expect(page.get_by_text("The rules were saved.")).to_be_visible()
    assert axe() == []
    assert Sequence.objects.get(pk=filled.sequence.pk).on_reply == "stop"


def test_a_saved_email_is_left_without_a_question_and_an_unsaved_one_with_it(filled: Builder, page: Page) -> None:
    filled.step("Thanks").click()
    page.locator("#panel select[name=template_id]").select_option(label="Letter")
    expect(page.locator("[data-unsaved]")).to_be_visible()
    page.locator("#panel").get_by_role("button", name="Save").click()
    expect(page.locator("#seq-live")).to_have_text("Saved the email “Thanks”.")
    expect(page.locator("[data-unsaved]")).to_be_hidden()

    filled.step("Goodbye").click()
    expect(page.locator("#card-bye.is-open")).to_have_count(1)
    expect(page.get_by_role("dialog", name="Leave the step?")).to_have_count(0)

    page.locator("#panel input[name=subject]").fill("Farewell")
    filled.step("Thanks").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator("#panel input[name=subject]")).to_have_value("Farewell")
