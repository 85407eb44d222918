from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from delivery import selectors
from delivery.models import ApiAccount, Mailbox, Message, MessageState, OAuthLogin
from delivery.selectors import Moment

STATES = tuple(state.name.lower() for state in MessageState)


class ApiAccountSerializer(serializers.Serializer[ApiAccount]):
    """A mailbox's account at a provider; its key goes in and never comes out (left out, the stored one stays)."""

    provider = serializers.CharField(max_length=20, help_text="postmark, sendgrid or mailgun.")
    api_key = serializers.CharField(write_only=True, required=False, trim_whitespace=False, max_length=500)
    domain = serializers.CharField(
        required=False, allow_blank=True, max_length=253, help_text="For Mailgun, if it isn't the from address's."
    )
    region = serializers.CharField(required=False, allow_blank=True, max_length=10, help_text="eu, or empty.")


class OAuthLoginSerializer(serializers.Serializer[OAuthLogin]):
    """How a mailbox gets its access tokens; secrets go in and never come out (left out, the stored ones stay; "" removes one)."""

    token_url = serializers.CharField(
        required=False, allow_blank=True, max_length=500, help_text="Where a refresh token is exchanged (RFC 6749)."
    )
    client_id = serializers.CharField(required=False, allow_blank=True, max_length=500)
    scope = serializers.CharField(required=False, allow_blank=True, max_length=1000)
    client_secret = serializers.CharField(write_only=True, required=False, allow_blank=True)
    refresh_token = serializers.CharField(write_only=True, required=False, allow_blank=True)
    access_token = serializers.CharField(
        write_only=True, required=False, allow_blank=True, help_text="Given by hand: used until it expires."
    )
    renews = serializers.BooleanField(read_only=True, help_text="Whether there is a refresh token.")
    expires_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="Of the access token, if known.")


class MailboxSerializer(serializers.ModelSerializer[Mailbox]):
    """A mailbox; its password goes in and never comes out ("" removes it)."""

    smtp_password = serializers.CharField(write_only=True, required=False, allow_blank=True, trim_whitespace=False)
    has_password = serializers.BooleanField(read_only=True)
    account = serializers.SerializerMethodField(help_text="The provider by whose API it sends; null: it sends by SMTP.")
    oauth = serializers.SerializerMethodField(help_text="How it gets its access tokens; null: it logs in by password.")

    class Meta:
        model = Mailbox
        fields = [
            "id",
            "from_name",
            "from_email",
            "reply_to",
            "smtp_host",
            "smtp_port",
            "smtp_security",
            "smtp_username",
            "smtp_password",
            "has_password",
            "account",
            "oauth",
            "smtp_verify",
            "max_connections",
            "on_unknown",
            "per_second",
            "per_minute",
            "per_day",
            "time_zone",
            "ramp_start",
            "ramp_growth",
            "ramp_unit",
            "ramp_target",
            "ramp_since",
            "status",
            "paused_reason",
            "retry_at",
            "last_error",
            "created_at",
        ]
        read_only_fields = ["ramp_since", "status", "paused_reason", "retry_at", "last_error", "created_at"]
        # The service checks uniqueness and says so in words.
        validators: list[Any] = []

    @extend_schema_field(ApiAccountSerializer(allow_null=True))
    def get_account(self, mailbox: Mailbox) -> dict[str, Any] | None:
        account = getattr(mailbox, "api_account", None)
        return ApiAccountSerializer(account).data if account is not None else None

    @extend_schema_field(OAuthLoginSerializer(allow_null=True))
    def get_oauth(self, mailbox: Mailbox) -> dict[str, Any] | None:
        login = getattr(mailbox, "oauth_login", None)
        return OAuthLoginSerializer(login).data if login is not None else None


class ConnectionSerializer(serializers.Serializer[Any]):
    """What a test of a mailbox's connection found."""

    detail = serializers.CharField(read_only=True)


class PauseSerializer(serializers.Serializer[Any]):
    """Why a mailbox is paused."""

    reason = serializers.CharField(required=False, max_length=500)


class WhySerializer(serializers.Serializer[Any]):
    """Why a message is where it is."""

    code = serializers.CharField()
    sentence = serializers.CharField()


class MomentSerializer(serializers.Serializer[Moment]):
    """One thing that happened to a message."""

    at = serializers.DateTimeField()
    kind = serializers.CharField()
    title = serializers.CharField()
    detail = serializers.CharField()


class MessageSerializer(serializers.ModelSerializer[Message]):
    """One message to one contact, from the ledger."""

    state = serializers.SerializerMethodField()
    email = serializers.SerializerMethodField(help_text="The address; empty when the contact was deleted.")
    mailing = serializers.IntegerField(source="mailing_id")
    contact = serializers.IntegerField(source="contact_id", allow_null=True)
    mailbox = serializers.IntegerField(source="mailbox_id")

    class Meta:
        model = Message
        fields = [
            "id",
            "mailing",
            "contact",
            "mailbox",
            "key",
            "email",
            "is_test",
            "state",
            "reason",
            "attempts",
            "created_at",
            "due_at",
            "accepted_at",
            "reply_code",
            "reply_text",
            "opened_at",
            "opened_any_at",
            "clicked_at",
            "clicked_any_at",
            "unsubscribed_at",
            "bounced_at",
            "complained_at",
            "replied_at",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, message: Message) -> str:
        return MessageState(message.state).name.lower()

    def get_email(self, message: Message) -> str:
        return message.to_email or (message.contact.email if message.contact else "")


class MessageDetailSerializer(MessageSerializer):
    """One message with the reason for its state and everything that happened to it."""

    why = serializers.SerializerMethodField()
    timeline = serializers.SerializerMethodField()

    class Meta(MessageSerializer.Meta):
        fields = [*MessageSerializer.Meta.fields, "why", "timeline"]
        read_only_fields = fields

    @extend_schema_field(WhySerializer)
    def get_why(self, message: Message) -> dict[str, str]:
        return selectors.why(message)._asdict()

    @extend_schema_field(MomentSerializer(many=True))
    def get_timeline(self, message: Message) -> Any:
        return [MomentSerializer(moment).data for moment in selectors.timeline(message)]
