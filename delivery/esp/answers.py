"""What a provider's answer means, put as an SMTP server would have put it, so that ledger, retries and guards are the same."""

import re
from typing import Any, NamedTuple

import requests
from anymail.exceptions import AnymailError, AnymailRecipientsRefused, AnymailRequestsAPIError
from urllib3.exceptions import MaxRetryError, NewConnectionError

from delivery.smtp import Answered, Broken, Failure, Lost, Reply, Stage

_LONGEST = 300
_SAYS_SENDER = re.compile(
    r"sender signature|sender identity|not (been )?(verified|confirmed|authorized)|not allowed to send|"
    r"(account|domain|server).{0,30}(disabled|suspended|not active|not found|unverified|pending)",
    re.IGNORECASE,
)


class Answer(NamedTuple):
    """The end of one message, and why the provider can't be used any more, if it can't."""

    event: Answered | Lost | Broken
    failure: Failure | None = None


def taken(message_id: int, label: str, statuses: dict[str, Any]) -> Answer:
    """Return the answer to a message that the API took in, from anymail's status of its one recipient."""
    status = next(iter(statuses.values()), None)
    word = getattr(status, "status", None)
    if word in ("rejected", "failed"):
        text = f"5.2.1 {label} does not send to this recipient, which bounced or complained before"
        return _answered(message_id, Stage.RCPT, 550, text)
    if word == "invalid":
        return _answered(message_id, Stage.RCPT, 550, f"5.1.3 {label} says that this is not an address")
    if word not in ("sent", "queued"):
        return Answer(Lost(message_id, f"{label} did not say what became of it"))
    return _answered(message_id, Stage.CONTENT, 250, f"2.0.0 {label}: {getattr(status, 'message_id', None) or 'taken'}")


def refused(message_id: int, label: str, error: Exception) -> Answer:
    """Return the answer to a message for which anymail raised an error."""
    if isinstance(error, AnymailRecipientsRefused):
        return taken(message_id, label, error.email_message.anymail_status.recipients)
    if isinstance(error, requests.RequestException) and getattr(error, "response", None) is None:
        return _unanswered(message_id, label, error.__cause__ or error)
    if isinstance(error, AnymailRequestsAPIError) and error.response is not None:
        return _by_status(message_id, label, error.response)
    if isinstance(error, AnymailError):  # found before anything was sent: what the provider's API can't express
        words = _short(str(error.args[0] if error.args else type(error).__name__))
        return _answered(message_id, Stage.CONTENT, 554, f"5.6.0 {label} can't carry this message: {words}")
    return Answer(Lost(message_id, f"{label}: something unforeseen, {type(error).__name__}; it may have been sent"))


def _by_status(message_id: int, label: str, response: requests.Response) -> Answer:
    status = response.status_code
    said = describe(label, response)
    if 200 <= status < 300:
        return Answer(
            Lost(message_id, f"{said}. That is no answer its API should give; it may have taken the message.")
        )
    if status in (401, 403) and not _SAYS_SENDER.search(said):
        failure = Failure(Stage.AUTH, f"The API key is refused. {said}", Reply(535, [f"5.7.8 {said}".encode()]))
        return Answer(Broken(message_id, said), failure)
    if status == 429:
        return _answered(message_id, Stage.MAIL, 421, f"4.7.28 {said}")
    if status in (408, 425, 503):
        return _answered(message_id, Stage.CONTENT, 451, f"4.3.0 {said}")
    if status >= 500:
        # What broke there may have broken after the message was taken.
        return Answer(Lost(message_id, said))
    if status == 413:
        return _answered(message_id, Stage.CONTENT, 552, f"5.3.4 {said}")
    if status == 404 or _SAYS_SENDER.search(said):
        return _answered(message_id, Stage.MAIL, 550, f"5.7.1 {said}")
    return _answered(message_id, Stage.CONTENT, 554, f"5.6.0 {said}")


def describe(label: str, response: requests.Response) -> str:
    """Return a provider's answer in a line."""
    return f"{label} answered {response.status_code}: {_short(_words(response))}"


def _unanswered(message_id: int, label: str, error: BaseException) -> Answer:
    reason = getattr(error.args[0], "reason", None) if error.args and isinstance(error.args[0], MaxRetryError) else None
    never_sent = isinstance(
        error, requests.ConnectTimeout | requests.exceptions.SSLError | requests.exceptions.ProxyError
    )
    if never_sent or isinstance(reason, NewConnectionError):
        text = f"{label} can't be reached: {_short(str(reason or error))}"
        return Answer(Broken(message_id, text), Failure(Stage.CONNECT, text))
    return Answer(Lost(message_id, f"{label} gave no answer: {type(error).__name__}"))


def _answered(message_id: int, stage: Stage, code: int, text: str) -> Answer:
    return Answer(Answered(message_id, stage, Reply(code, [text.encode()])))


def _words(response: requests.Response) -> str:
    try:
        found = response.json()
    except ValueError:
        return response.text or response.reason or ""
    if isinstance(found, dict):
        if errors := found.get("errors"):
            return "; ".join(str(each.get("message", each)) if isinstance(each, dict) else str(each) for each in errors)
        return str(found.get("Message") or found.get("message") or found)
    return str(found)


def _short(text: str) -> str:
    return " ".join(text.split())[:_LONGEST]
