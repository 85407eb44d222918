"""Pixels and links over HTTP, into Redis, into the event store."""

import pytest
from django.test import override_settings

from core import redis
from delivery.models import Counter, Link, Mailing
from delivery.tokens import link_token, open_token, unsubscribe_token
from tests.factories.tracking import APPLE_MPP, CHROME, make_link, make_sent
from tests.integration.tracking.conftest import Endpoint
from tracking import chunks, services
from tracking.asgi import PIXEL
from tracking.models import Event, EventKind, Verdict

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("empty_event_store")]


def waiting() -> int:
    return chunks.waiting(redis.client())


def test_the_pixel_is_a_gif_that_nobody_may_keep_and_counts_as_an_open(endpoint: Endpoint):
    sent = make_sent()
    answer = endpoint.ask(f"/o/{open_token(sent.messages[0].pk)}", user_agent=CHROME)
    assert (answer.status, answer.body) == (200, PIXEL)
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers
    assert services.drain() == 1
    event = Event.objects.get()
    assert (event.kind, event.verdict, event.reason) == (EventKind.OPENED, Verdict.HUMAN, "person")
    assert (event.message_id, event.contact_id) == (sent.messages[0].pk, sent.contacts[0].pk)
    assert (event.ip, event.user_agent) == ("127.0.0.1", CHROME)
    sent.messages[0].refresh_from_db()
    assert sent.messages[0].opened_at == event.occurred_at
    counter = Counter.objects.get(mailing=sent.mailing)
    assert (counter.opens_human, counter.opens_all, counter.opened_human, counter.opened_any) == (1, 1, 1, 1)


def test_a_link_leads_to_its_url_and_counts_as_a_click(endpoint: Endpoint):
    sent = make_sent()
    link = make_link(sent.mailing, "https://example.com/ä?x=1&y=2#z")
    answer = endpoint.ask(f"/l/{link_token(sent.messages[0].pk, link.pk)}", user_agent=CHROME)
    assert (answer.status, answer.headers["location"]) == (302, "https://example.com/%C3%A4?x=1&y=2#z")
    assert answer.headers["cache-control"] == "no-store"
    assert "set-cookie" not in answer.headers
    services.drain()
    event = Event.objects.get()
    assert (event.kind, event.link_id, event.verdict) == (EventKind.CLICKED, link.pk, Verdict.HUMAN)


@pytest.mark.parametrize("kind", ["o", "l"])
def test_head_answers_without_a_body_and_is_a_machine(endpoint: Endpoint, kind: str):
    sent = make_sent()
    message = sent.messages[0]
    token = open_token(message.pk) if kind == "o" else link_token(message.pk, sent.links[0].pk)
    answer = endpoint.ask(f"/{kind}/{token}", "HEAD", user_agent=CHROME)
    assert (answer.status, answer.body) == (200 if kind == "o" else 302, b"")
    services.drain()
    assert Event.objects.get().reason == "head"
    message.refresh_from_db()
    assert (message.opened_at, message.clicked_at) == (None, None)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused_and_count_for_nothing(endpoint: Endpoint, method: str):
    sent = make_sent()
    answer = endpoint.ask(f"/o/{open_token(sent.messages[0].pk)}", method, content_length="0")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert waiting() == 0


def tampered(token: str) -> list[str]:
    """Return what somebody might make of a token."""
    flipped = token[:-1] + ("A" if token[-1] != "A" else "B")
    return [
        flipped,
        "A" + token[1:] if token[0] != "A" else "B" + token[1:],
        token[:-2],
        token + "AA",
        token + "=",
        "",
        "%2e%2e",
    ]


@pytest.mark.parametrize("variant", range(7))
def test_a_tampered_token_is_not_found_and_changes_nothing(endpoint: Endpoint, variant: int):
    sent = make_sent()
    message = sent.messages[0]
    for kind, token in (("o", open_token(message.pk)), ("l", link_token(message.pk, sent.links[0].pk))):
        answer = endpoint.ask(f"/{kind}/{tampered(token)[variant]}", user_agent=CHROME)
        assert answer.status == 404
        assert "location" not in answer.headers
    assert waiting() == 0


def test_a_token_of_another_kind_is_not_found(endpoint: Endpoint):
    sent = make_sent()
    message = sent.messages[0]
    link = link_token(message.pk, sent.links[0].pk)
    assert endpoint.ask(f"/o/{link}").status == 404
    assert endpoint.ask(f"/l/{open_token(message.pk)}").status == 404
    assert endpoint.ask(f"/l/{unsubscribe_token(1, 2, message.pk)}").status == 404
    assert waiting() == 0


def test_a_link_that_was_never_stored_is_not_found_and_not_counted(endpoint: Endpoint):
    sent = make_sent()
    assert endpoint.ask(f"/l/{link_token(sent.messages[0].pk, 4711)}", user_agent=CHROME).status == 404
    assert waiting() == 0


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "https://example.com/\r\nSet-Cookie: a=b", "ftp://example.com/"]
)
def test_a_stored_url_that_no_browser_should_follow_is_not_found(endpoint: Endpoint, url: str):
    sent = make_sent()
    link = make_link(sent.mailing, url)
    assert endpoint.ask(f"/l/{link_token(sent.messages[0].pk, link.pk)}", user_agent=CHROME).status == 404


def test_links_of_a_deleted_mailing_keep_working_and_count_for_nothing(endpoint: Endpoint):
    sent = make_sent()
    message, link = sent.messages[0], sent.links[0]
    token = link_token(message.pk, link.pk)
    Mailing.objects.get(pk=sent.mailing.pk).delete()
    assert Link.objects.filter(pk=link.pk).exists()
    assert endpoint.ask(f"/l/{token}", user_agent=CHROME).headers["location"] == link.url
    assert endpoint.ask(f"/o/{open_token(message.pk)}", user_agent=CHROME).status == 200
    assert services.drain() == 2
    assert not Event.objects.exists()


def test_tokens_made_with_a_former_secret_key_are_good_while_it_is_a_fallback(endpoint: Endpoint, run_endpoint):
    former = "the key of long ago that was changed since then"
    sent = make_sent()
    with override_settings(SECRET_KEY=former):
        token = open_token(sent.messages[0].pk)
    assert endpoint.ask(f"/o/{token}").status == 404
    assert (
        run_endpoint({"SECRET_KEY_FALLBACKS": f"another-key-that-was-used,{former}"}).ask(f"/o/{token}").status == 200
    )


def test_the_client_address_comes_from_the_trusted_proxy(endpoint: Endpoint):
    sent = make_sent()
    endpoint.ask(f"/o/{open_token(sent.messages[0].pk)}", user_agent=CHROME, x_forwarded_for="192.0.2.66, 203.0.113.9")
    services.drain()
    assert Event.objects.get().ip == "203.0.113.9"


@pytest.mark.parametrize(
    "header", [{"purpose": "prefetch"}, {"sec_purpose": "prefetch;prerender"}, {"x_moz": "prefetch"}]
)
def test_requests_made_in_advance_are_machines(endpoint: Endpoint, header: dict[str, str]):
    sent = make_sent()
    endpoint.ask(f"/l/{link_token(sent.messages[0].pk, sent.links[0].pk)}", user_agent=CHROME, **header)
    services.drain()
    assert Event.objects.get().reason == "prefetch"


def test_apple_opens_are_kept_but_are_nobodys(endpoint: Endpoint):
    sent = make_sent()
    endpoint.ask(f"/o/{open_token(sent.messages[0].pk)}", user_agent=APPLE_MPP)
    services.drain()
    sent.messages[0].refresh_from_db()
    assert sent.messages[0].opened_at is None
    assert sent.messages[0].opened_any_at == Event.objects.get(reason="apple_mpp").occurred_at


@pytest.mark.parametrize(
    ("path", "status"), [("/healthz", 200), ("/robots.txt", 200), ("/", 404), ("/o/", 404), ("/x/y", 404)]
)
def test_other_paths(endpoint: Endpoint, path: str, status: int):
    assert endpoint.ask(path).status == status
