from rest_framework.test import APIClient

from tests.factories.analytics import SentCampaign
from tests.factories.team import ApiTokenFactory


def client_of(workspace, **token) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiTokenFactory(workspace=workspace, **token).secret}")
    return client


def test_it_has_totals_steps_links_and_points(read: SentCampaign):
    answer = client_of(read.workspace).get(f"/api/v1/campaigns/{read.campaign.pk}/report/")
    assert answer.status_code == 200
    report = answer.json()
    totals = report["totals"]
    assert (totals["queued"], totals["accepted"], totals["failed"], totals["delivered"]) == (10, 9, 1, 9)
    assert (totals["opened_human"], totals["opened_any"], totals["clicked_human"]) == (2, 3, 1)
    assert totals["open_rate"] == 2 / 9
    assert report["steps"][0]["totals"] == totals
    clicks = {link["url"]: link["clicks_human"] for link in report["links"]}
    assert clicks == {"https://example.com/a": 1, "https://example.com/b": 0}
    assert sum(point["accepted"] for point in report["points"]) == 9


def test_another_workspaces_report_is_not_found(read: SentCampaign):
    foreign = ApiTokenFactory()
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {foreign.secret}")
    answer = client.get(f"/api/v1/campaigns/{read.campaign.pk}/report/")
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_a_token_without_the_scope_is_refused(read: SentCampaign):
    client = client_of(read.workspace, scopes=["contacts:read"])
    assert client.get(f"/api/v1/campaigns/{read.campaign.pk}/report/").status_code == 403
