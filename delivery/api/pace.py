from typing import Any

from rest_framework import serializers

from delivery.models import MailboxDay, SendingRules
from delivery.selectors import Pace


class PaceSerializer(serializers.Serializer[Pace]):
    """How fast a mailbox sends now, and what holds it."""

    per_minute = serializers.IntegerField(help_text="Measured over the last minute.")
    limit = serializers.IntegerField(allow_null=True, help_text="Messages a minute; null: no limit.")
    waiting = serializers.IntegerField(help_text="Messages in the mailbox's line.")
    sent_today = serializers.IntegerField(source="today.sent")
    cap_today = serializers.IntegerField(source="today.cap", allow_null=True, help_text="null: no limit a day.")
    warm_up_step = serializers.IntegerField(source="today.step", allow_null=True, help_text="From 0; null: no warm-up.")
    code = serializers.CharField(help_text="What holds it, as a reason of messages; empty: nothing.")
    sentence = serializers.CharField()
    next_at = serializers.DateTimeField(allow_null=True, help_text="The next slot, if nothing may leave before.")


class MailboxDaySerializer(serializers.ModelSerializer[MailboxDay]):
    """One local day of a mailbox."""

    class Meta:
        model = MailboxDay
        fields = ["day", "cap", "step", "sent", "accepted", "bounced", "complained"]
        read_only_fields = fields


class SendingRulesSerializer(serializers.ModelSerializer[SendingRules]):
    """What holds for all mail of the workspace but tests; times are those of the recipient's clock."""

    class Meta:
        model = SendingRules
        fields = ["quiet_from", "quiet_until", "most_messages", "most_days"]
        extra_kwargs: dict[str, Any] = {"most_messages": {"min_value": 1}, "most_days": {"min_value": 1}}
