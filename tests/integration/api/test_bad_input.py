"""Whatever a client sends, the answer is never a 500: every write of the API under a rain of bad JSON."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from team.models import Workspace
from tests.factories.contacts import csv_bytes
from tests.integration.api.routes import Route, api_routes
from tests.integration.api.world import furnish

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("unlimited")]

STEP = {"kind": "email", "subject": "Hi {{ firstName }}", "preheader": "", "format": "html", "source": "<p>Hi</p>"}
CAMPAIGN = {
    "name": "Spring",
    "kind": "broadcast",
    "audience": {"lists": [1], "segments": [], "exclude": {"lists": [], "segments": []}},
    "mailboxes": [1],
    "steps": [STEP],
    "schedule": {"send_at": "2031-01-01T09:00", "time_zone": "Europe/Berlin"},
    "track_opens": True,
    "holdout": {"share": 0.1, "event": "order.paid", "days": 14},
    "necessary": False,
    "version": 1,
}
FORM = {
    "name": "Newsletter",
    "title": "Our newsletter",
    "asks": ["first_name", "custom.plan"],
    "lists": [1],
    "consent_text": "I agree.",
    "double_opt_in": True,
    "mailbox": 1,
    "redirect_url": "https://example.com/thanks",
    "is_open": True,
}
SOURCE = {
    "name": "Shop",
    "event_path": "type",
    "email_path": "data.customer.email",
    "properties_path": "data",
    "prefix": "shop.",
    "is_active": True,
}
WEBHOOK = {"url": "https://example.com/hook", "events": ["experiment.decided"], "is_active": True}
TRIGGER = {
    "kind": "event",
    "event": "order.paid",
    "where": {"plan": "pro"},
    "reentry": "key",
    "entry_property": "order",
    "filter": {"match": "all", "conditions": [{"field": "first_name", "operator": "is", "value": "Ada"}]},
}
CONTACT = {
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": "L",
    "company": "C",
    "locale": "en-GB",
    "time_zone": "Europe/London",
    "attributes": {"plan": "pro"},
    "lists": [1],
    "tracking": "individual",
}
TEMPLATE = {
    "name": "T",
    "description": "d",
    "category": 1,
    "version": 1,
    "format": "mjml",
    "subject": "S {{ firstName }}",
    "preheader": "p",
    "source": "<mjml><mj-body></mj-body></mjml>",
    "text_source": "t",
    "note": "n",
}
RULE = {"match": "all", "conditions": [{"field": "first_name", "operator": "is", "value": "Ada"}]}
MAILBOX = {
    "from_name": "A",
    "from_email": "a@example.com",
    "reply_to": "b@example.com",
    "smtp_host": "127.0.0.1",
    "smtp_port": 2525,
    "smtp_security": "plain",
    "smtp_username": "u",
    "smtp_password": "p",
    "smtp_verify": True,
    "max_connections": 4,
    "on_unknown": "ask",
}
SIMULATION = {
    "version": "live",
    "person": {
        "email": "ada@example.com",
        "time_zone": "Europe/Berlin",
        "tags": ["a"],
        "attributes": {"plan": "pro"},
        "lists": [1],
    },
    "start": "2031-01-01T09:00:00Z",
    "mailbox": 1,
    "outcomes": {"hello": "yes"},
    "seed": 1,
    "reacts_after": "PT1H",
}
VERSION = {"name": "B", "subject": "Hey", "preheader": "", "from_name": "Ada", "template": None, "send_at": None}
PLAN = {
    "name": "Test",
    "dimensions": ["subject"],
    "metric": "click",
    "link": "",
    "event": "",
    "window_hours": 24,
    "mode": "test",
    "rule": "sequential",
    "days": None,
    "base": 0.03,
    "lead": 0.01,
    "batches": 6,
    "spacing_minutes": 60,
    "largest_share": 0.5,
    "per_arm": None,
    "without_proof": "leader",
}
BODIES: dict[str, Any] = {
    "experiments/": PLAN | {"campaign": 1, "variants": [VERSION]},
    "experiments/{id}/": PLAN,
    "experiments/{id}/variants/": VERSION,
    "experiments/{id}/variants/1/": VERSION,
    "experiments/{id}/factors/": {"dimensions": ["subject"], "levels": {"subject": ["", "Hey"]}},
    "experiments/{id}/choose-winner/": {"variant": 1},
    "experiments/{id}/stop-arm/": {"variant": 1},
    "campaigns/": CAMPAIGN | {"kind": "triggered", "trigger": TRIGGER},
    "event-sources/": SOURCE,
    "event-sources/{id}/": SOURCE,
    "webhooks/": WEBHOOK,
    "webhooks/{id}/": WEBHOOK,
    "sign-up-forms/": FORM,
    "sign-up-forms/{id}/": FORM,
    "events/": {
        "name": "order.paid",
        "email": "ada@example.com",
        "properties": {"amount": 3, "lines": [{"sku": "a"}]},
        "occurred_at": "2026-01-01T00:00:00Z",
        "key": "order-1",
    },
    "campaigns/{id}/": CAMPAIGN,
    "campaigns/{id}/launch/": {"accept_warnings": False, "now": True},
    "campaigns/{id}/schedule/": {"send_at": "2031-01-01T09:00", "time_zone": "Europe/Berlin", "accept_warnings": True},
    "campaigns/{id}/shares/{id}/": {"access": "edit"},
    "campaigns/{id}/test/": {"to": ["ada@example.com"], "contact": 1, "step": "a"},
    "contact-fields/": {"key": "size", "label": "Size", "type": "choice", "choices": ["S", "M"]},
    "contact-fields/{id}/": {"key": "plan", "label": "Plan", "type": "text", "choices": []},
    "contacts/": CONTACT,
    "contacts/{id}/": CONTACT,
    "domains/": {"name": "acme.example"},
    "domains/{id}/activate-key/": {"selector": "drumbeat1"},
    "domains/{id}/delete-key/": {"selector": "drumbeat1"},
    "lists/": {"name": "L", "description": "d"},
    "lists/{id}/": {"name": "L", "description": "d"},
    "lists/{id}/members/": {"contacts": [1, 2]},
    "lists/{id}/members/remove/": {"contacts": [1, 2]},
    "mailboxes/{id}/account/": {"provider": "postmark", "api_key": "k", "domain": "d.example", "region": ""},
    "mailboxes/{id}/oauth/": {
        "token_url": "https://login.example/token",
        "client_id": "c",
        "scope": "s",
        "client_secret": "x",
        "refresh_token": "r",
        "access_token": "a",
    },
    "mailboxes/": MAILBOX,
    "mailboxes/{id}/": MAILBOX,
    "mailboxes/{id}/pause/": {"reason": "why"},
    "mailboxes/rules/": {"quiet_from": "22:00", "quiet_until": "07:00", "most_messages": 3, "most_days": 7},
    "members/{id}/": {"role": "editor"},
    "segments/": {"name": "S", "definition": RULE},
    "segments/{id}/": {"name": "S", "definition": RULE},
    "segments/count/": {"definition": RULE},
    "enrolments/{id}/move/": {"to": "hello", "seen": "hello:0:0"},
    "enrolments/{id}/restart/": {"seen": "hello:0:0"},
    "enrolments/{id}/skip/": {"seen": "hello:0:0"},
    "sequences/{id}/": {"on_reply": "stop", "exit_filter": RULE},
    "sequences/{id}/draft/": {"steps": [STEP], "revision": 0},
    "sequences/{id}/people/": {"deed": "move", "enrolments": [1], "to": "hello", "seen": {"1": "hello:0:0"}},
    "sequences/{id}/people/undo/": {"intervention": 1},
    "sequences/{id}/publish/": {"policy": "migrate", "revision": 0},
    "sequences/{id}/publish/preview/": {"policy": "migrate"},
    "sequences/{id}/rollback/": {"number": 1, "replace": True},
    "sequences/{id}/simulate/": SIMULATION,
    "sequences/{id}/test-run/": SIMULATION | {"to": ["ada@example.com"], "gap": "PT1M"},
    "suppressions/": {"email": "a@example.com", "reason": "manual", "detail": "d"},
    "template-categories/": {"name": "C"},
    "template-categories/{id}/": {"name": "C"},
    "templates/": TEMPLATE,
    "templates/{id}/": TEMPLATE,
    "templates/{id}/restore/": {"version": 1},
    "templates/{id}/shares/{id}/": {"access": "edit"},
    "templates/render/": {**TEMPLATE, "context": {"firstName": "Ada"}, "contact": "ada@example.com", "locale": "de"},
}
MULTIPART = {"contacts/import/", "assets/"}
WITHOUT_BODY = {
    "keys",
    "cancel",
    "check",
    "close",
    "duplicate",
    "pause",
    "resend",
    "resume",
    "secret",
    "stop",
    "unschedule",
    "unarchive",
    "test",
    "webhook-secret",
}
# These read no body, so a bad one can't be refused.
UNREAD = {"sequences/webhook-secret/"}
READS = [route for route in api_routes() if route.method == "get"]
PARAMETERS = ["q", "email", "list", "segment", "status", "updated_since", "cursor", "limit", "after", "archived"]
PARAMETERS += ["category", "mailing", "contact", "mailbox", "state", "sequence", "reason", "format"]
WRITES = [route for route in api_routes() if route.method in ("post", "put", "patch")]


def name_of(route: Route) -> str:
    return route.path.removeprefix("/api/v1/")


NASTY_TEXT = st.sampled_from(
    [
        "", " ", "\x00", "a\x00b", "\ud800", "a\udfffb", "\ufffe\uffff", "\u202e\u2066", "\U0001f4a9" * 50, "é" * 400,
        "x" * 100_000, "-1", "1e999", "NaN", "null", "{{", "{% if %}", "{{ 'a' | date: '%' }}", "{% for i in (1..9) %}",
        "<script>", "<mjml>", "<!DOCTYPE", "=cmd()", "'; --", "%s%n", "../../etc/passwd", "a@", "@b.example",
        "a@\x00.example", "ada@exämple.com", "a b@example.com", "a@[127.0.0.1]", "\r\nBcc: x@example.com", "٣٤", "²",
        "9" * 5000, "0001-01-01T00:00", "9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z", "P999999999999D", "-P1D",
        "P1Y", "Europe/../Berlin", "/etc/localtime", "Factory", "Europe/Berlin\x00", "xx-YY-zz", "i" * 36,
    ]
)  # fmt: skip
QUERY_TEXT = NASTY_TEXT.filter(lambda text: not any("\ud800" <= letter < "\ue000" for letter in text))
NASTY_NUMBER = st.sampled_from([0, -1, 1, 2**15, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**400, 0.5, -0.0, 1e308])
LEAF = st.none() | st.booleans() | NASTY_NUMBER | NASTY_TEXT | st.text(max_size=8)
VALUE = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY_TEXT | st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn, body: Any) -> Any:
    """Return the body with some part of it replaced, or something else altogether."""
    if draw(st.integers(0, 7)) == 0:
        return draw(VALUE)
    if isinstance(body, dict) and body:
        key = draw(st.sampled_from(sorted(body)))
        rest = dict(body)
        match draw(st.integers(0, 5)):
            case 0:
                del rest[key]
            case 1:
                rest[draw(NASTY_TEXT)] = draw(VALUE)
            case _:
                rest[key] = draw(spoilt(body[key]))
        return rest
    if isinstance(body, list) and body:
        return [*body[1:], draw(spoilt(body[0]))] * draw(st.sampled_from([1, 1, 2, 300]))
    return draw(VALUE)


def with_own_ids(body: Any, route: Route, ids: dict[str, int]) -> Any:
    """Put ids that exist where the bodies say 1, so that what is spoilt is one thing at a time."""
    if not isinstance(body, dict):
        return body
    own = {"lists": [ids["lists"]], "mailboxes": [ids["mailboxes"]], "category": ids["template-categories"]}
    own |= {"contacts": [ids["contacts"]], "contact": ids["contacts"]}
    own |= {"campaign": ids["campaigns"]}
    own |= {"mailbox": ids["mailboxes"], "enrolments": [ids["enrolments"]]}
    filled = {key: own.get(key, with_own_ids(value, route, ids)) for key, value in body.items()}
    if name_of(route) == "templates/render/":
        filled["contact"] = str(ids["contacts"])
    return filled


def test_every_write_of_the_api_is_tested_here() -> None:
    bodiless = {name_of(route) for route in WRITES if route.path.split("/")[-2] in WITHOUT_BODY}
    assert {name_of(route) for route in WRITES} == BODIES.keys() | MULTIPART | bodiless


@pytest.mark.parametrize("route", [route for route in WRITES if name_of(route) in BODIES], ids=str)
def test_no_json_breaks_a_write(route: Route, client: APIClient, workspace: Workspace) -> None:
    ids = furnish(workspace)
    body = with_own_ids(BODIES[name_of(route)], route, ids)
    path = route.at(ids.get(route.resource, 0))

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(spoilt(body))
    def send(sent: Any) -> None:
        answer = getattr(client, route.method)(path, json.dumps(sent), content_type="application/json")
        assert answer.status_code < 500, answer.content
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["detail"]
        else:
            answer.json()

    send()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"\x00",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"name": NaN}',
        b'{"name": "\xed\xa0\x80"}',
        b"1" * 10_000,
    ],
    ids=["empty", "open", "no-utf8", "nul", "deep-list", "deep-object", "nan", "surrogate", "long-number"],
)
def test_no_bytes_break_a_write(raw: bytes, client: APIClient) -> None:
    for route in WRITES:
        if name_of(route) in MULTIPART:
            continue
        answer = getattr(client, route.method)(route.at(1), raw, content_type="application/json")
        if not raw or name_of(route) in UNREAD:  # empty is as good as {}
            assert answer.status_code < 500, (str(route), answer.content)
            continue
        assert 400 <= answer.status_code < 500, (str(route), answer.content)
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_body_of_ten_megabytes_and_more_is_too_large(client: APIClient, workspace: Workspace) -> None:
    answer = client.post("/api/v1/lists/", json.dumps({"name": "x" * 10_500_000}), content_type="application/json")
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"] == "The request is too large: at most 10 MB can be sent at once."


@pytest.mark.parametrize("route", [route for route in WRITES if name_of(route) in MULTIPART], ids=str)
def test_no_form_breaks_an_upload(route: Route, client: APIClient, workspace: Workspace) -> None:
    ids = furnish(workspace)
    whole = csv_bytes([["email", "first_name"], ["ada@example.com", "Ada"]])

    @settings(max_examples=80, suppress_health_check=list(HealthCheck))
    @given(
        content=st.sampled_from([b"", whole, b"\x00" * 50, b"\xff\xfe", b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", b"GIF89a", b'"'])
        | st.binary(max_size=60),
        fields=st.dictionaries(
            st.sampled_from(["mapping", "list", "list_name", "encoding", "delimiter", "has_header", "name", "date_order"]),
            NASTY_TEXT.filter(lambda text: text.isprintable() or text == "\x00")
            | st.sampled_from(["[1]", '{"email": "email"}', '{"0": "\\u0000"}', '{"\\ud800": "email"}', "[" * 50_000]),
            max_size=3,
        ),
        name=st.sampled_from(["a.csv", "a.png", "\x00.csv", "é" * 150 + ".csv", "../../x.csv", " ", "a" * 300 + ".png"]),
    )  # fmt: skip
    def send(content: bytes, fields: dict[str, str], name: str) -> None:
        answer = client.post(
            route.path, {"file": SimpleUploadedFile(name, content), "list": ids["lists"], **fields}, format="multipart"
        )
        assert answer.status_code < 500, answer.content

    send()


def test_no_query_breaks_a_read(client: APIClient, workspace: Workspace) -> None:
    ids = furnish(workspace)

    @settings(max_examples=500, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(READS), st.dictionaries(st.sampled_from(PARAMETERS), QUERY_TEXT, min_size=1, max_size=2))
    def ask(route: Route, query: dict[str, str]) -> None:
        answer = client.get(route.at(ids.get(route.resource, 0)), query)
        assert answer.status_code < 500, (str(route), answer.content)

    ask()
