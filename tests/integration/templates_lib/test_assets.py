"""Images: what is taken, what is refused, and how they are served."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from templates_lib import selectors
from templates_lib.models import Asset
from tests.factories.templates_lib import image_bytes, make_asset

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


def upload(browser, name, data):
    return browser.post("/templates/images/upload/", {"file": SimpleUploadedFile(name, data)}, headers=HTMX)


@pytest.mark.parametrize(
    ("kind", "suffix", "content_type"),
    [
        ("PNG", "png", "image/png"),
        ("JPEG", "jpg", "image/jpeg"),
        ("GIF", "gif", "image/gif"),
        ("WEBP", "webp", "image/webp"),
    ],
)
def test_an_image_is_what_its_bytes_say_and_served_as_that(browser, kind, suffix, content_type):
    response = upload(browser, "My Löwe.exe", image_bytes(kind))
    asset = Asset.objects.get()
    assert response.status_code == 200
    assert asset.name == f"My-L-we.{suffix}"
    assert (asset.width, asset.height) == (4, 3)
    served = Client().get(selectors.asset_path(asset))
    assert served.headers["Content-Type"] == content_type
    assert b"".join(served.streaming_content) == image_bytes(kind)
    assert "immutable" in served.headers["Cache-Control"]
    assert served.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in served.headers["Content-Security-Policy"]


def bomb():
    """A PNG header that promises 30,000 × 30,000 pixels."""
    buffer = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "no PNG"),
        ("a.png", b"<html><script>alert(1)</script>", "no PNG"),
        ("a.png", b"", "empty"),
        ("a.png", image_bytes(size=(200, 200))[:60], "damaged"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"\x00" * 5_000_001, "at most 5 MB"),
    ],
)
def test_what_is_no_image_for_mail_is_refused(browser, name, data, message):
    response = upload(browser, name, data)
    assert response.status_code == 422
    assert message in response.text
    assert not Asset.objects.exists()


def test_a_decompression_bomb_is_refused(browser):
    assert upload(browser, "a.png", bomb()).status_code == 422


def test_a_tampered_address_leads_nowhere(workspace):
    path = selectors.asset_path(make_asset(workspace))
    for wrong in (path.replace("/assets/", "/assets/A"), path.replace("logo", "other"), "/assets/x/logo.png"):
        assert Client().get(wrong).status_code == 404


def test_several_images_are_taken_at_once_and_bad_ones_named(browser):
    files = [
        SimpleUploadedFile("a.png", image_bytes()),
        SimpleUploadedFile("b.png", b"no"),
        SimpleUploadedFile("c.gif", image_bytes("GIF")),
    ]
    response = browser.post("/templates/images/upload/", {"file": files}, headers=HTMX)
    assert response.status_code == 422
    assert "b.png: This is no PNG" in response.text
    assert sorted(Asset.objects.values_list("name", flat=True)) == ["a.png", "c.gif"]


def test_choosing_nothing_is_refused(browser):
    assert browser.post("/templates/images/upload/", {}, headers=HTMX).status_code == 422


def test_listing_images_opens_no_file(browser, workspace):
    asset = make_asset(workspace)
    asset.file.storage.delete(asset.file.name)
    assert "4 × 3" in browser.get("/templates/images/").text


def test_images_are_listed_picked_and_deleted(browser, workspace):
    asset = make_asset(workspace)
    for page in ("/templates/images/", "/templates/images/pick/"):
        assert selectors.asset_url(asset) in browser.get(page, headers=HTMX).text
    path, storage, name = selectors.asset_path(asset), asset.file.storage, asset.file.name
    browser.post(f"/templates/images/{asset.pk}/delete/", headers=HTMX)
    assert Client().get(path).status_code == 404
    assert not Asset.objects.exists()
    assert storage.exists(name)  # until the transaction of this test is committed


@pytest.mark.django_db(transaction=True)
def test_the_file_of_a_deleted_image_is_gone(browser, workspace):
    asset = make_asset(workspace)
    storage, name = asset.file.storage, asset.file.name
    browser.post(f"/templates/images/{asset.pk}/delete/", headers=HTMX)
    assert not storage.exists(name)


def test_an_image_whose_file_is_lost_is_a_404(workspace):
    asset = make_asset(workspace)
    asset.file.storage.delete(asset.file.name)
    assert Client().get(selectors.asset_path(asset)).status_code == 404
