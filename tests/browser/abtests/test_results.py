"""A test's results in a real browser: in each of its states, by keyboard, on a phone, in both themes."""

import re
from datetime import time

import pytest
from playwright.sync_api import Page, expect

from abtests import services
from abtests.models import Design, Experiment, Mode
from team.models import Membership, Role
from tests.browser.accounts import sign_in
from tests.factories.ab_results import look, make_decided, make_parts, make_running, make_test, respond
from tests.factories.team import MembershipFactory, UserFactory


@pytest.fixture
def member(live_server: object) -> Membership:
    return MembershipFactory(role=Role.EDITOR)


def make_bandit(member: Membership) -> Experiment:
    experiment = make_test(member.workspace, 3, mode=Mode.BANDIT, name="More of what works")
    make_parts(experiment, size=0, released=3)
    experiment.parts.filter(number=2).update(weights=[0.05, 0.8, 0.15])
    respond(experiment, sent=[100, 100, 100], responded=[20, 30, 22], hours_ago=40)
    respond(experiment, sent=[60, 140, 60], responded=[12, 41, 11], hours_ago=30, stratum=2)
    services.refresh_summary(experiment)
    return experiment


def make_send_time(member: Membership) -> Experiment:
    experiment = make_test(member.workspace, 2, started=False, name="Morning or evening?")
    for variant, at in zip(experiment.variants.order_by("position"), (time(8), time(18, 30)), strict=True):
        variant.send_at = at
        variant.save(update_fields=["send_at"])
    Experiment.objects.filter(pk=experiment.pk).update(
        design=Design.SEND_TIME, dimensions=["send_time"], state="running"
    )
    experiment.refresh_from_db()
    respond(experiment, sent=[300, 300], responded=[60, 75], hours_ago=40, stratum=50)
    services.refresh_summary(experiment)
    return experiment


def make_factorial(member: Membership) -> Experiment:
    experiment = make_test(member.workspace, 4, started=False, name="Subject and sender")
    Experiment.objects.filter(pk=experiment.pk).update(dimensions=["subject", "from_name"], state="running")
    experiment.refresh_from_db()
    levels = ([0, 0], [0, 1], [1, 0], [1, 1])
    for variant, own in zip(experiment.variants.order_by("position"), levels, strict=True):
        variant.levels, variant.from_name = own, "Ada at Acme" if own[1] else ""
        variant.save(update_fields=["levels", "from_name"])
    counts = {"sent": [500] * 4, "responded": [100, 101, 140, 138]}
    respond(experiment, **counts, hours_ago=40)
    look(experiment, **counts)
    return experiment


def make_stopped(member: Membership) -> Experiment:
    experiment = make_running(member.workspace)
    services.stop(experiment, by=member.user)
    return experiment


KINDS = {
    "running": lambda member: make_running(member.workspace),
    "decided": lambda member: make_decided(member.workspace),
    "stopped": make_stopped,
    "bandit": make_bandit,
    "send time": make_send_time,
    "factorial": make_factorial,
}


@pytest.mark.parametrize("kind", KINDS)
def test_results_are_accessible_in_both_themes_and_fit_a_phone(page: Page, live_server, member, axe, kind):
    experiment = KINDS[kind](member)
    sign_in(page, member.user, live_server.url)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.goto(f"{live_server.url}/experiments/{experiment.pk}/")
        assert axe() == [], theme
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_other_pages_are_accessible_and_fit_a_phone(page: Page, live_server, member, axe, theme):
    sign_in(page, member.user, live_server.url)
    page.emulate_media(color_scheme=theme)
    page.goto(f"{live_server.url}/experiments/")
    expect(page.get_by_text("No A/B tests yet")).to_be_visible()
    assert axe() == []
    number = make_running(member.workspace).pk
    paths = ("", "how-it-works/", f"{number}/choose/", f"{number}/stop-version/", f"{number}/breakdown/")
    for path in paths:
        page.goto(f"{live_server.url}/experiments/{path}")
        assert axe() == [], path
    page.set_viewport_size({"width": 390, "height": 844})
    for path in paths:
        page.goto(f"{live_server.url}/experiments/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path


def test_the_navigation_leads_to_a_tests_results(page: Page, live_server, member):
    make_decided(member.workspace)
    sign_in(page, member.user, live_server.url)
    page.goto(live_server.url)
    page.get_by_role("link", name="Campaigns", exact=True).first.click()
    page.get_by_role("link", name="A/B tests").first.click()
    page.get_by_role("link", name="Which subject line?").click()
    expect(page.get_by_role("heading", name="B is better, proven (95%)")).to_be_visible()


def test_the_results_come_in_by_themselves_until_the_test_ends(page: Page, live_server, member):
    experiment = make_running(member.workspace)
    sign_in(page, member.user, live_server.url)
    page.goto(f"{live_server.url}/experiments/{experiment.pk}/")
    verdict = page.get_by_role("region", name="Verdict")
    expect(verdict).to_contain_text("Not proven yet: B leads")
    respond(experiment, sent=[200, 200], responded=[30, 90], hours_ago=40, stratum=4)
    expect(verdict).to_contain_text("35.5% of those who got B clicked")
    look(experiment, sent=[400, 400], responded=[70, 142])
    expect(verdict).to_contain_text("B is better, proven (95%)")
    expect(page.get_by_role("button", name="Pause…")).to_have_count(0)
    expect(page.locator("#test-numbers[hx-trigger]")).to_have_count(0)


def test_a_winner_is_chosen_by_hand_with_the_keyboard(page: Page, live_server, member, axe):
    experiment = make_running(member.workspace)
    sign_in(page, member.user, live_server.url)
    page.goto(f"{live_server.url}/experiments/{experiment.pk}/")
    page.get_by_role("button", name="Choose the winner…").press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Everybody who comes by from now on gets the version that you choose.")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    assert axe() == []
    dialog.get_by_role("radio", name=re.compile("^A")).check()
    dialog.get_by_role("button", name="Choose it").click()
    expect(page.get_by_role("heading", name="A was chosen by hand")).to_be_visible()
    experiment.refresh_from_db()
    assert experiment.winner.name == "A"


def test_who_chooses_second_is_told_who_was_quicker(page: Page, live_server, member):
    experiment = make_running(member.workspace)
    sign_in(page, member.user, live_server.url)
    page.goto(f"{live_server.url}/experiments/{experiment.pk}/")
    page.get_by_role("button", name="Choose the winner…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("radio", name=re.compile("^A")).check()
    grace = UserFactory(first_name="Grace", last_name="Hopper")
    # Before the page hears of it by itself.
    page.route("**/numbers/**", lambda route: route.abort())
    services.choose_winner(experiment, variant=experiment.variants.get(name="B"), by=grace)
    dialog.get_by_role("button", name="Choose it").click()
    expect(page.get_by_text("Grace Hopper has chosen B meanwhile. Nothing else was changed.")).to_be_visible()


def test_a_test_is_paused_resumed_and_stopped(page: Page, live_server, member):
    experiment = make_running(member.workspace)
    sign_in(page, member.user, live_server.url)
    page.goto(f"{live_server.url}/experiments/{experiment.pk}/")
    page.get_by_role("button", name="Pause…").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.get_by_role("heading", name="This test is paused")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("heading", name="Not proven yet: B leads")).to_be_visible()
    page.get_by_role("button", name="More").click()
    page.get_by_role("button", name="Stop the test…").click()
    expect(page.get_by_role("dialog")).to_contain_text("Nobody wins.")
    page.get_by_role("dialog").get_by_role("button", name="Stop the test").click()
    expect(page.get_by_role("heading", name="This test was stopped")).to_be_visible()


def test_groups_are_counted_when_they_are_opened_and_marked_as_exploratory(page: Page, live_server, member):
    experiment = make_decided(member.workspace)
    sign_in(page, member.user, live_server.url)
    page.goto(f"{live_server.url}/experiments/{experiment.pk}/")
    expect(page.get_by_text("Exploratory")).to_be_visible()
    page.get_by_text("By group of recipients").click()
    expect(page.get_by_text("To get ideas from, not to prove anything")).to_be_visible()
