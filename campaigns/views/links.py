"""Where campaigns lead."""

from django.urls import NoReverseMatch, reverse

from campaigns.models import Campaign


def report_url(campaign: Campaign) -> str:
    """Return the report's URL; empty before the launch, or in an installation without reports."""
    if campaign.launched_at is None:
        return ""
    try:
        return reverse("analytics:report", args=[campaign.pk])
    except NoReverseMatch:
        return ""
