from zoneinfo import ZoneInfo

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import selectors
from analytics.api.serializers import CampaignReportSerializer
from campaigns.models import Campaign
from team.api.base import WorkspaceViewSet


class CampaignReportViewSet(WorkspaceViewSet[Campaign]):
    """A campaign's numbers: totals, steps, links and the course over time."""

    scope = "campaigns"
    serializer_class = CampaignReportSerializer
    pagination_class = None

    @extend_schema(operation_id="campaigns_report_retrieve", responses=CampaignReportSerializer)
    def retrieve(self, request: Request, campaign_id: int) -> Response:
        """Read the report; hours and days are those of the campaign's time zone."""
        try:
            campaign = selectors.campaign_in(self.workspace, campaign_id)
        except Campaign.DoesNotExist:
            raise Http404 from None
        report = selectors.campaign_report(campaign, zone=ZoneInfo(campaign.time_zone))
        return Response(CampaignReportSerializer(report).data)
