from django.urls import path

from analytics.api.viewsets import CampaignReportViewSet

urlpatterns = [
    path(
        "campaigns/<int:campaign_id>/report/",
        CampaignReportViewSet.as_view({"get": "retrieve"}),
        name="campaign-report",
    ),
]
