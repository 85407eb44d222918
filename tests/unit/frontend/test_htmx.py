"""Answers to pages and to HTMX."""

import json
from typing import Any

import pytest
from django.contrib import messages
from django.contrib.messages.storage.cookie import CookieStorage
from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.test import RequestFactory
from django_htmx.middleware import HtmxDetails

from frontend import htmx
from frontend.middleware import DomainErrorMiddleware, MessagesAsToasts


class RefusedError(Exception):
    message = "Only a draft can be scheduled."
    code = "conflict"
    status = 409


class MissingError(RefusedError):
    message = "There is no such list."
    status = 404


@pytest.fixture
def request_(rf: RequestFactory):
    def make(**headers: str):
        request = rf.get("/page/", headers=headers)
        request.htmx = HtmxDetails(request)  # type: ignore[attr-defined]  # set by the middleware
        request._messages = CookieStorage(request)  # type: ignore[attr-defined]  # set by the middleware
        return request

    return make


def toasts(response: HttpResponseBase | None) -> list[dict[str, Any]]:
    assert response
    items: list[dict[str, Any]] = json.loads(response.headers["HX-Trigger"])["toast"]["items"]
    return items


def test_a_redirect_moves_the_whole_page_also_for_htmx(request_):
    assert htmx.redirect(request_(), "/there/").status_code == 302
    response = htmx.redirect(request_(HX_Request="true"), "/there/")
    assert (response.status_code, response.headers["HX-Redirect"]) == (200, "/there/")


def test_a_boosted_or_restored_request_wants_the_page_and_not_a_fragment(request_):
    assert htmx.is_fragment(request_(HX_Request="true"))
    assert not htmx.is_fragment(request_(HX_Request="true", HX_Boosted="true"))
    assert not htmx.is_fragment(request_(HX_Request="true", HX_History_Restore_Request="true"))
    assert not htmx.is_fragment(request_())


def test_several_toasts_and_other_events_fit_one_answer():
    response = htmx.trigger(htmx.toast(HttpResponse(), "One"), "saved", {"version": 2})
    htmx.toast(response, "Two", level="danger", undo_url="/undo/")
    assert [item["message"] for item in toasts(response)] == ["One", "Two"]
    assert json.loads(response.headers["HX-Trigger"])["saved"] == {"version": 2}


def test_a_refusal_is_a_toast_for_htmx_and_a_page_otherwise(request_):
    fragment = htmx.refuse(request_(HX_Request="true"), "No.")
    assert (fragment.status_code, toasts(fragment)[0]["message"]) == (409, "No.")
    page = htmx.refuse(request_(), "No.")
    assert page.status_code == 409
    assert b"No. Nothing was changed." in page.content


def test_polling_stops_with_286():
    assert htmx.stop_polling(HttpResponse()).status_code == 286


def test_a_refusal_that_no_view_handled_is_answered_in_its_own_words(request_):
    response = DomainErrorMiddleware(lambda request: HttpResponse()).process_exception(
        request_(HX_Request="true"), RefusedError()
    )
    assert response
    assert response.status_code == 409
    assert toasts(response)[0] == {"message": RefusedError.message, "level": "danger", "undo_url": None}


def test_a_missing_thing_is_the_same_404_as_any_other(request_):
    middleware = DomainErrorMiddleware(lambda request: HttpResponse())
    with pytest.raises(Http404):
        middleware.process_exception(request_(), MissingError())


def test_other_errors_are_left_alone(request_):
    middleware = DomainErrorMiddleware(lambda request: HttpResponse())
    assert middleware.process_exception(request_(), ValueError("boom")) is None


def test_messages_become_toasts_on_fragments(request_):
    request = request_(HX_Request="true")
    messages.success(request, "Saved.")
    assert toasts(MessagesAsToasts(lambda _: HttpResponse())(request))[0]["message"] == "Saved."


@pytest.mark.parametrize(
    "answer", [HttpResponseRedirect("/there/"), HttpResponse(headers={"HX-Redirect": "/there/"})], ids=["302", "HX"]
)
def test_messages_wait_for_the_next_page_where_the_answer_leaves_this_one(request_, answer):
    request = request_(HX_Request="true")
    messages.success(request, "Saved.")
    assert "HX-Trigger" not in MessagesAsToasts(lambda _: answer)(request).headers
    assert len(messages.get_messages(request)) == 1
