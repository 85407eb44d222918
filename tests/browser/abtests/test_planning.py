"""Planning a test: from a broadcast to three subjects, a factorial test, send times, a list that is too small, and the lock."""

from collections.abc import Callable
from datetime import time

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from abtests import selectors
from abtests import services as abtests
from abtests.models import Design, Experiment
from campaigns import services
from campaigns.models import Campaign, Kind
from delivery.models import Counter
from sequences.models import Step
from team.models import Membership
from tests.browser.accounts import sign_in
from tests.factories.campaigns import make_campaign, make_template
from tests.factories.delivery import make_mailing
from tests.factories.team import MembershipFactory

Axe = Callable[..., list[str]]


@pytest.fixture
def member(live_server: LiveServer, page: Page) -> Membership:
    member: Membership = MembershipFactory(role="editor")  # type: ignore[assignment]
    sign_in(page, member.user, live_server.url)
    return member


@pytest.fixture
def campaign(member: Membership) -> Campaign:
    """A broadcast to 400 people with a template as its email."""
    return make_campaign(member.workspace, contacts=400, name="Spring")


@pytest.fixture
def planned(campaign: Campaign) -> Experiment:
    """A test on the broadcast, of two subjects."""
    return services.add_test(campaign)


def opened(page: Page, live_server: LiveServer, campaign: Campaign, experiment: Experiment) -> None:
    """Open the page of a test and wait until it is at work."""
    page.goto(f"{live_server.url}/campaigns/{campaign.pk}/tests/{experiment.pk}/")
    expect(page.locator("html[data-ready]")).to_have_count(1)


def saved(page: Page) -> None:
    expect(page.locator("[data-autosave-state]")).to_have_text("Saved")


def subjects(experiment: Experiment) -> list[str]:
    return [variant.subject for variant in selectors.variants_of(experiment)]


def test_three_subjects_on_a_broadcast_in_three_clicks(page: Page, live_server: LiveServer, campaign: Campaign):
    page.goto(f"{live_server.url}/campaigns/{campaign.pk}/")
    page.locator("#ab summary").click()
    page.get_by_role("button", name="Test several versions").click()
    page.wait_for_url("**/tests/*/")
    page.get_by_role("button", name="Add a version").click()
    page.get_by_role("textbox", name="Subject, version B").fill("Spring is here")
    page.get_by_role("textbox", name="Subject, version C").fill("{{ firstName }}, the sun is out")
    saved(page)
    page.get_by_role("link", name="Done").click()

    expect(page.locator("#ab")).to_contain_text("3 versions")
    expect(page.locator("#ab")).to_contain_text("Spring is here")
    step = Step.objects.get(version__sequence=campaign.sequence)
    assert step.experiment is not None
    assert subjects(step.experiment) == ["", "Spring is here", "{{ firstName }}, the sun is out"]
    campaign.refresh_from_db()
    assert campaign.kind == Kind.BROADCAST


def test_a_broken_merge_field_is_told_at_its_version_and_not_kept(
    page: Page, live_server: LiveServer, campaign: Campaign, planned: Experiment
):
    opened(page, live_server, campaign, planned)
    field = page.get_by_role("textbox", name="Subject, version B")
    field.fill("Hello {{ firstName")
    expect(page.locator("[data-error-for='way-subject-1']")).to_contain_text("Column")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert subjects(planned) == ["", ""]


def test_two_parts_make_four_versions(page: Page, live_server: LiveServer, campaign: Campaign, planned: Experiment):
    make_template(campaign.workspace, name="The long letter")
    opened(page, live_server, campaign, planned)
    page.get_by_role("textbox", name="Subject, version B").fill("Short")
    saved(page)
    page.locator(".test-parts").get_by_text("Content").click()
    expect(page.get_by_role("heading", name="4 versions")).to_be_visible()
    page.get_by_role("combobox", name="Content, way 2").select_option(label="The long letter (version 1)")
    saved(page)
    expect(page.locator("#plan-output")).to_contain_text("Each version")
    page.get_by_role("button", name="Preview version D").click()
    expect(page.get_by_role("dialog")).to_contain_text("Short")

    planned.refresh_from_db()
    assert planned.dimensions == ["subject", "content"]
    assert subjects(planned) == ["", "", "Short", "Short"]
    letters = [variant.template_version for variant in selectors.variants_of(planned)]
    assert [letter is not None for letter in letters] == [False, True, False, True]


def test_more_than_eight_versions_are_refused_and_what_is_there_stays(
    page: Page, live_server: LiveServer, campaign: Campaign, planned: Experiment
):
    levels = {"subject": ["", "b", "c", "d"], "preheader": ["", "y"]}
    abtests.set_factors(planned, dimensions=list(levels), levels=levels)
    opened(page, live_server, campaign, planned)
    page.locator(".test-parts").get_by_text("Sender’s name").click()
    expect(page.locator("#versions")).to_contain_text("16 versions; a test has at most 8")
    expect(page.get_by_role("checkbox", name="Sender’s name")).not_to_be_checked()
    assert len(selectors.variants_of(planned)) == 8


def test_send_times_are_decided_once(page: Page, live_server: LiveServer, campaign: Campaign, planned: Experiment):
    opened(page, live_server, campaign, planned)
    page.locator(".test-parts").get_by_text("Send time").click()
    expect(page.get_by_role("heading", name="4 versions")).to_be_visible()
    page.locator(".test-parts").get_by_text("Subject").click()
    expect(page.get_by_role("heading", name="4 versions")).to_have_count(0)
    page.get_by_label("Send time, version A").fill("09:00")
    page.get_by_label("Send time, version B").fill("17:30")
    saved(page)
    page.reload()
    expect(page.get_by_text("decided once, when the last one counts")).to_be_visible()
    planned.refresh_from_db()
    assert planned.design == Design.SEND_TIME
    assert [variant.send_at for variant in selectors.variants_of(planned)] == [time(9), time(17, 30)]


def test_the_panel_says_what_a_small_list_can_do_and_follows_the_slider(
    page: Page, live_server: LiveServer, campaign: Campaign, planned: Experiment
):
    opened(page, live_server, campaign, planned)
    panel = page.locator("#plan-output")
    expect(page.locator("[data-audience]")).to_have_text("400")
    expect(panel).to_contain_text("Your list is too small to prove this")
    expect(panel).to_contain_text("It can pick the better one with 95\u00a0% if they differ by")
    page.get_by_label("Usual rate").fill("20")
    page.get_by_role("spinbutton", name="Worth finding: a lead of").fill("20")
    expect(panel.locator("[data-promise='proves']")).to_contain_text("declared the winner in 95 of 100")
    saved(page)
    slider = page.get_by_role("slider", name="At most so much of the list")
    slider.focus()
    slider.press("Home")
    expect(panel.locator("[data-promise='too_small']")).to_contain_text("of the list it could be proven")
    saved(page)
    expect(page.get_by_role("spinbutton", name="At most so much of the list")).to_have_value("1")
    planned.refresh_from_db()
    assert (planned.base, planned.lead) == (0.2, 0.2)


def test_another_metric_brings_its_own_rate_unless_it_was_changed(
    page: Page, live_server: LiveServer, campaign: Campaign, planned: Experiment
):
    from core import clock

    Counter.objects.create(mailing=make_mailing(campaign.workspace), hour=clock.now(), accepted=1000, opened_human=420)
    opened(page, live_server, campaign, planned)
    page.get_by_role("combobox", name="The best version has the most").select_option("open")
    expect(page.get_by_label("Usual rate")).to_have_value("42")
    saved(page)
    planned.refresh_from_db()
    assert (planned.metric, planned.base, planned.window_hours) == ("open", 0.42, 24)


def test_a_test_that_runs_is_locked(page: Page, live_server: LiveServer, campaign: Campaign, planned: Experiment):
    Experiment.objects.filter(pk=planned.pk).update(state=Experiment.State.RUNNING)
    opened(page, live_server, campaign, planned)
    expect(page.get_by_text("This test is locked")).to_be_visible()
    expect(page.get_by_role("textbox", name="Subject, version B")).to_be_disabled()
    expect(page.get_by_role("button", name="Add a version")).to_be_disabled()
    expect(page.get_by_role("button", name="Remove test")).to_have_count(0)


def test_a_test_is_removed_after_a_question(
    page: Page, live_server: LiveServer, campaign: Campaign, planned: Experiment
):
    opened(page, live_server, campaign, planned)
    page.get_by_role("button", name="Remove test").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove test").click()
    page.wait_for_url(f"**/campaigns/{campaign.pk}/#ab")
    assert Step.objects.get(version__sequence=campaign.sequence).experiment is None


def test_two_tabs_do_not_overwrite_each_other(
    page: Page, live_server: LiveServer, campaign: Campaign, planned: Experiment
):
    opened(page, live_server, campaign, planned)
    other = page.context.new_page()
    opened(other, live_server, campaign, planned)
    other.get_by_role("textbox", name="Subject, version B").fill("From the other tab")
    saved(other)
    page.get_by_role("textbox", name="Subject, version B").fill("From this tab")
    expect(page.locator("#toasts")).to_contain_text("changed the A/B test meanwhile")
    assert subjects(planned) == ["", "From the other tab"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_page_is_accessible(
    page: Page, live_server: LiveServer, campaign: Campaign, planned: Experiment, axe: Axe, theme: str, width: int
):
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, live_server, campaign, planned)
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    levels = {
        "subject": (["subject"], {"subject": ["", "Spring is here", "The sun is out"]}),
        "factorial": (["subject", "content"], {"subject": ["", "Spring"], "content": [None, None]}),
    }
    for dimensions, ways in levels.values():
        abtests.set_factors(planned, dimensions=dimensions, levels=ways)
        opened(page, live_server, campaign, planned)
        expect(page.locator("html")).to_have_attribute("data-bs-theme", theme)
        assert axe() == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than the screen"
