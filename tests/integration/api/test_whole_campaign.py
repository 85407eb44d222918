"""A developer's way through the API alone: from a token to a launched campaign, its report and an unsubscription.

Real workers with beat, a real SMTP server and the real tracking endpoint; every name and status is the contract's.
"""

import io
import json
import re
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from team.models import Workspace
from tests.factories.team import WorkspaceFactory
from tests.factories.tracking import CHROME
from tests.integration.tracking.conftest import Endpoint, start_endpoint, stop
from tests.plugins.mail import SmtpSink
from tests.plugins.workers import service_environment

API = "/api/v1"
PEOPLE = 12
SOURCE = """<mjml><mj-body><mj-section><mj-column>
<mj-text>Dear {{ firstName }}</mj-text>
<mj-button href="https://example.com/offer">See the offer</mj-button>
<mj-text>{{ workspace.address }} <a href="{{ unsubscribeUrl }}">Unsubscribe</a></mj-text>
</mj-column></mj-section></mj-body></mjml>"""


def wait_for[T](condition: Callable[[], T], what: str, *, seconds: float = 60) -> T:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} took too long."
        time.sleep(0.1)
    return found


def csv_file() -> bytes:
    rows = ["E-mail,First name,Plan"]
    rows += [f"person{number}@example.com,Given{number},pro" for number in range(PEOPLE)]
    rows += ["PERSON0@example.com,Twice,pro", "nobody,Nobody,pro"]
    return "\r\n".join(rows).encode()


@pytest.fixture
def workspace(transactional_db: None) -> Iterator[Workspace]:
    yield WorkspaceFactory(slug="tea-house")
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE tracking_event")  # Django's flush leaves it alone, as it doesn't manage the table


@pytest.fixture
def api(workspace: Workspace) -> APIClient:
    """A program with the token that the command printed."""
    printed = io.StringIO()
    call_command("create_token", workspace="tea-house", name="Shop", stdout=printed)
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {printed.getvalue().strip()}")
    return client


@pytest.fixture
def endpoint(transactional_db: None, tmp_path: Path) -> Iterator[Endpoint]:
    running = start_endpoint(tmp_path, service_environment())
    yield running
    stop(running.process)


def post(api: APIClient, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
    answer = api.post(f"{API}/{path}", body if body is not None else {}, format="json", headers=headers)
    assert answer.status_code == status, answer.content
    return answer.json()


def get(api: APIClient, path: str) -> Any:
    answer = api.get(path if path.startswith("http") else f"{API}/{path}")
    assert answer.status_code == 200, answer.content
    return answer.json()


def every(api: APIClient, path: str) -> list[Any]:
    """Follow the cursors from page to page."""
    rows: list[Any] = []
    following: str | None = path
    while following:
        page = get(api, following)
        rows += page["results"]
        following = page["next"]
    return rows


def feed(api: APIClient, cursor: str, limit: int = 5) -> tuple[list[Any], str]:
    """Read the activities on from a cursor to the end."""
    rows: list[dict[str, Any]]
    rows, more = [], True
    while more:
        page = get(api, f"activities/?after={cursor}&limit={limit}")
        rows, cursor, more = rows + page["results"], page["cursor"], page["has_more"]
    return rows, cursor


@pytest.mark.timeout(240)
def test_a_whole_campaign_by_the_api_alone(
    api: APIClient, start_worker: Callable[..., Any], smtp_sink: SmtpSink, endpoint: Endpoint
) -> None:
    start_worker(concurrency=2, beat=True)
    assert get(api, "")["workspace"] == "tea-house"

    # Contacts, from a file.
    post(api, "contact-fields/", {"label": "Plan", "key": "plan", "type": "text"}, status=201)
    form = {
        "file": SimpleUploadedFile("people.csv", csv_file()),
        "mapping": json.dumps({"E-mail": "email", "First name": "first_name", "Plan": "plan"}),
        "list_name": "Customers",
    }
    taken = api.post(f"{API}/contacts/import/", form, format="multipart")
    assert taken.status_code == 202, taken.content
    done = wait_for(
        lambda: (found := get(api, f"imports/{taken.json()['id']}/"))["status"] == "completed" and found, "The import"
    )
    assert (done["processed"], done["created"], done["updated"], done["rejected"]) == (PEOPLE + 2, PEOPLE, 0, 1)
    errors = api.get(done["errors_url"])
    assert errors.status_code == 200
    assert b"nobody" in b"".join(errors.streaming_content)  # type: ignore[attr-defined]  # a streaming answer
    contacts = every(api, "contacts/?limit=5")
    assert len(contacts) == len({row["id"] for row in contacts}) == PEOPLE
    assert contacts[0]["attributes"] == {"plan": "pro"}
    (customers,) = every(api, "lists/")
    assert (customers["name"], customers["size"]) == ("Customers", PEOPLE)

    # A template, tried out first.
    content = {"format": "mjml", "subject": "News for {{ firstName }}", "source": SOURCE}
    shown = post(api, "templates/render/", {**content, "contact": "person3@example.com", "locale": "de"})
    assert set(shown) >= {"subject", "html", "text", "warnings"}
    assert shown["subject"] == "News for Given3"
    assert "Dear Given3" in shown["html"]
    assert "Dear Given3" in shown["text"]
    assert post(api, "templates/render/", {**content, "context": {"firstName": "Ada"}})["subject"] == "News for Ada"
    broken = post(api, "templates/render/", {**content, "source": SOURCE + "\n{% if %}"}, status=422)
    assert {"line", "column", "message"} <= set(broken["problems"][0])
    template = post(api, "templates/", {"name": "News", **content}, status=201)

    # A mailbox.
    mailbox = {
        "from_name": "Tea House",
        "from_email": "news@tea.example",
        "smtp_host": smtp_sink.host,
        "smtp_port": smtp_sink.port,
        "smtp_security": "plain",
        "smtp_username": "",
    }
    mailbox = post(api, "mailboxes/", mailbox, status=201)
    assert "smtp_password" not in mailbox
    assert post(api, f"mailboxes/{mailbox['id']}/test/")["detail"]

    # The campaign, made once although asked for twice.
    wanted = {
        "name": "Spring",
        "kind": "broadcast",
        "audience": {"lists": [customers["id"]], "segments": [], "exclude": {"lists": [], "segments": []}},
        "mailboxes": [mailbox["id"]],
        "steps": [{"kind": "email", "template": template["id"]}],
        "schedule": None,
    }
    key = {"Idempotency-Key": str(uuid.uuid4())}
    campaign = post(api, "campaigns/", wanted, status=201, **key)
    assert post(api, "campaigns/", wanted, status=201, **key) == campaign
    assert [row["id"] for row in every(api, "campaigns/")] == [campaign["id"]]
    assert post(api, "campaigns/", {**wanted, "name": "Other"}, status=422, **key)["code"]
    here = f"campaigns/{campaign['id']}"
    post(api, f"{here}/check/", status=202)
    check = wait_for(lambda: (found := get(api, f"{here}/check/"))["status"] == "completed" and found, "The check")
    assert (check["recipients"], check["rendered"]) == (PEOPLE, PEOPLE)
    assert [finding for finding in check["findings"] if finding["level"] != "info"] == []
    begin = get(api, "activities/?after=latest")["cursor"]

    # Launched once.
    assert post(api, f"{here}/pause/", status=409)["detail"]
    launched = post(api, f"{here}/launch/")
    assert launched["status"] == "running"
    again = api.post(f"{API}/{here}/launch/", {}, format="json")
    assert again.status_code == 409
    assert again.headers["Content-Type"] == "application/problem+json"
    assert again.json()["status"] == 409
    assert again.json()["detail"]
    wait_for(lambda: get(api, f"{here}/")["status"] == "completed", "The sending")
    assert sorted(mail.rcpt_to[0] for mail in smtp_sink.messages) == sorted(row["email"] for row in contacts)
    (step,) = get(api, f"{here}/")["steps"]
    messages = every(api, f"messages/?mailing={step['mailing']}&limit=5")
    assert [row["state"] for row in messages] == ["accepted"] * PEOPLE
    assert {row["email"] for row in messages} == {row["email"] for row in contacts}

    # Somebody opens and clicks.
    (mail,) = smtp_sink.sent_to("person1@example.com")
    html = mail.text("html")
    (pixel,) = re.findall(r'src="(http[^"]*/o/[\w-]+)"', html)
    link, _ = re.findall(r'href="(http[^"]*/l/[\w-]+)"', html)
    seen = endpoint.ask(urlsplit(pixel).path, user_agent=CHROME)
    assert (seen.status, seen.headers["content-type"]) == (200, "image/gif")
    led = endpoint.ask(urlsplit(link).path, user_agent=CHROME)
    assert (led.status, led.headers["location"]) == (302, "https://example.com/offer")
    tampered = urlsplit(link).path[:-2] + ("AA" if not link.endswith("AA") else "BB")
    assert endpoint.ask(tampered, user_agent=CHROME).status == 404
    totals = wait_for(
        lambda: (found := get(api, f"{here}/report/")["totals"])["clicks_all"] == 1 and found, "The click"
    )
    assert (totals["accepted"], totals["delivered"], totals["opens_all"]) == (PEOPLE, PEOPLE, 1)

    # Somebody unsubscribes by the button of their mail program (RFC 8058).
    (leaving,) = smtp_sink.sent_to("person2@example.com")
    assert leaving.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    (url,) = re.findall(r"<(http[^>]*/u/[\w-]+)>", str(leaving.message["List-Unsubscribe"]))
    left = Client(enforce_csrf_checks=True).post(urlsplit(url).path, {"List-Unsubscribe": "One-Click"})
    assert left.status_code == 200
    (suppressed,) = every(api, "suppressions/?email=person2@example.com")
    assert suppressed["reason"] == "unsubscribed"
    assert get(api, "contacts/?email=person2@example.com")["results"][0]["suppressed"] == "unsubscribed"
    assert get(api, f"{here}/report/")["totals"]["unsubscribed"] == 1

    # A CRM reads all of it, in order, and goes on from where it was.
    wait_for(lambda: len(feed(api, begin)[0]) >= PEOPLE + 3, "The feed")
    activities, cursor = feed(api, begin)
    kinds = [row["type"] for row in activities]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "message.accepted": PEOPLE,
        "message.opened": 1,
        "message.clicked": 1,
        "contact.unsubscribed": 1,
    }
    assert {row["campaign"]["id"] for row in activities if row["campaign"]} == {campaign["id"]}
    assert len({row["id"] for row in activities}) == len(activities)
    assert feed(api, cursor)[0] == []

    # What is over can't be changed, only done again.
    for call in ("launch", "schedule", "pause", "resume", "cancel"):
        assert post(api, f"{here}/{call}/", status=409)["detail"], call
    assert post(api, f"{here}/duplicate/", status=201)["status"] == "draft"


def test_a_wrong_field_is_named(api: APIClient) -> None:
    answer = api.post(f"{API}/contacts/", {"email": "nobody", "lists": ["x"]}, format="json")
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 422
    assert "lists.0" in answer.json()["errors"]


def test_who_asks_too_often_is_told_when_to_come_back(api: APIClient, settings: Any) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {"token": "3/min"}}
    answers = [api.get(f"{API}/lists/") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
    assert answers[-1].headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"workspace": "nowhere", "name": "Shop"}, "nowhere"),
        ({"workspace": "tea-house", "name": ""}, "name"),
        ({"workspace": "tea-house", "name": "Shop", "scopes": "contacts:read,all"}, "all"),
    ],
)
def test_the_command_refuses_a_token_in_a_sentence(workspace: Workspace, arguments: dict[str, str], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        call_command("create_token", **arguments)


def test_a_token_opens_only_its_scopes(workspace: Workspace) -> None:
    printed = io.StringIO()
    call_command("create_token", workspace="tea-house", name="Reader", scopes="contacts:read", stdout=printed)
    reader = APIClient()
    reader.credentials(HTTP_AUTHORIZATION=f"Bearer {printed.getvalue().strip()}")
    assert reader.get(f"{API}/contacts/").status_code == 200
    assert reader.post(f"{API}/contacts/", {"email": "a@example.com"}, format="json").status_code == 403
    assert reader.get(f"{API}/campaigns/").status_code == 403
