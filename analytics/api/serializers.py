from rest_framework import serializers

from analytics import rates
from delivery.selectors import Totals


class TotalsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Sums; `*_human` are people (image proxies included), `*_any` and `*_all` include machines."""

    queued = serializers.IntegerField()
    accepted = serializers.IntegerField()
    delivered = serializers.IntegerField()
    waiting = serializers.IntegerField()
    deferred = serializers.IntegerField()
    failed = serializers.IntegerField()
    skipped = serializers.IntegerField()
    cancelled = serializers.IntegerField()
    unknown = serializers.IntegerField()
    bounced = serializers.IntegerField()
    complained = serializers.IntegerField()
    unsubscribed = serializers.IntegerField()
    opens_human = serializers.IntegerField()
    opens_all = serializers.IntegerField()
    clicks_human = serializers.IntegerField()
    clicks_all = serializers.IntegerField()
    opened_human = serializers.IntegerField()
    opened_any = serializers.IntegerField()
    clicked_human = serializers.IntegerField()
    clicked_any = serializers.IntegerField()
    open_rate = serializers.SerializerMethodField(help_text="opened_human ÷ delivered; null without data.")
    click_rate = serializers.SerializerMethodField(help_text="clicked_human ÷ delivered; null without data.")
    unsubscribe_rate = serializers.SerializerMethodField(help_text="unsubscribed ÷ delivered; null without data.")

    def get_open_rate(self, totals: Totals) -> float | None:
        return rates.open_rate(totals)

    def get_click_rate(self, totals: Totals) -> float | None:
        return rates.click_rate(totals)

    def get_unsubscribe_rate(self, totals: Totals) -> float | None:
        return rates.unsubscribe_rate(totals)


class VersionReportSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One version of an email under test: all that was sent of it, after the verdict too."""

    version = serializers.CharField(source="letter")
    name = serializers.CharField()
    subject = serializers.CharField()
    totals = TotalsSerializer()
    is_winner = serializers.BooleanField()


class TestReportSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The A/B test of an email and its verdict."""

    id = serializers.IntegerField(source="pk")
    state = serializers.CharField()
    outcome = serializers.CharField(help_text="The last verdict, or by_hand; empty before.")
    decided_at = serializers.DateTimeField(allow_null=True)


class StepReportSerializer(serializers.Serializer):  # type: ignore[type-arg]
    key = serializers.CharField()
    position = serializers.IntegerField()
    subject = serializers.CharField()
    totals = TotalsSerializer()
    removed = serializers.BooleanField(help_text="It is no step of the live version any more; its numbers stay.")
    test = TestReportSerializer(allow_null=True, help_text="Its A/B test; null without one.")
    versions = VersionReportSerializer(many=True, help_text="What is tested; empty without a test.")


class LinkReportSerializer(serializers.Serializer):  # type: ignore[type-arg]
    written = serializers.CharField(source="label", help_text="As written in the email, with its Liquid.")
    url = serializers.CharField(help_text="Where it leads; one example if that differs by recipient.")
    clicks_human = serializers.IntegerField()
    clicks_all = serializers.IntegerField()
    clicked_human = serializers.IntegerField()
    clicked_any = serializers.IntegerField()


class PointSerializer(serializers.Serializer):  # type: ignore[type-arg]
    at = serializers.DateTimeField()
    accepted = serializers.IntegerField()
    opens = serializers.IntegerField()
    clicks = serializers.IntegerField()
    unsubscribed = serializers.IntegerField()
    failures = serializers.IntegerField()


class CampaignReportSerializer(serializers.Serializer):  # type: ignore[type-arg]
    campaign = serializers.IntegerField(source="campaign.pk")
    status = serializers.CharField(source="campaign.status")
    totals = TotalsSerializer()
    steps = StepReportSerializer(many=True)
    links = LinkReportSerializer(many=True)
    unit = serializers.ChoiceField(choices=["hour", "day"], help_text="What one of `points` spans.")
    points = PointSerializer(many=True)
