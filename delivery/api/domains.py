from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from delivery import selectors, services
from delivery.models import DkimKey, SendingDomain
from delivery.selectors import Item, Level
from team.access import Capability
from team.api.base import CreateMixin, DeleteMixin, ReadMixin, WorkspaceViewSet

LEVELS = tuple(level.value for level in Level)


class TxtRecordSerializer(serializers.Serializer[Any]):
    """A TXT record; `text` is its value unsplit."""

    name = serializers.CharField()
    text = serializers.CharField()


class DomainCheckSerializer(serializers.Serializer[Item]):
    """One thing that the DNS was asked about."""

    code = serializers.ChoiceField(choices=["spf", "dkim", "dmarc", "mx", "ptr"])
    title = serializers.CharField()
    level = serializers.ChoiceField(choices=LEVELS)
    found = serializers.CharField(help_text="What the DNS says.")
    todo = serializers.CharField(help_text="What to do about it; empty when there is nothing to do.")
    seen = serializers.ListField(child=serializers.CharField(), help_text="The records as they are.")
    publish = TxtRecordSerializer(many=True, help_text="The records that would mend it.")


class DkimKeySerializer(serializers.ModelSerializer[DkimKey]):
    """A key that signs; its private half is never shown."""

    record = serializers.SerializerMethodField(help_text="The TXT record to publish.")
    keep_until = serializers.SerializerMethodField(help_text="How long a replaced key's record must stay published.")

    class Meta:
        model = DkimKey
        fields = [
            *("id", "selector", "algorithm", "status", "record", "seen_at"),
            *("activated_at", "retired_at", "keep_until", "created_at"),
        ]
        read_only_fields = fields

    @extend_schema_field(TxtRecordSerializer)
    def get_record(self, key: DkimKey) -> dict[str, str]:
        return selectors.record_of(key)._asdict()

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_keep_until(self, key: DkimKey) -> Any:
        return selectors.keep_until(key)


class SendingDomainSerializer(serializers.ModelSerializer[SendingDomain]):
    """A domain that mail comes from, with what the last look at the DNS found."""

    level = serializers.SerializerMethodField(help_text="The worst of the checks; null before the first look.")
    checks = serializers.SerializerMethodField()
    keys = serializers.SerializerMethodField()

    class Meta:
        model = SendingDomain
        fields = ["id", "name", "level", "checked_at", "checks", "keys", "created_at"]
        read_only_fields = ["checked_at", "created_at"]

    @extend_schema_field(serializers.ChoiceField(choices=LEVELS, allow_null=True))
    def get_level(self, domain: SendingDomain) -> str | None:
        return selectors.standing(domain)

    @extend_schema_field(DomainCheckSerializer(many=True))
    def get_checks(self, domain: SendingDomain) -> list[dict[str, Any]]:
        return [
            {**item.dump(), "publish": [record._asdict() for record in item.publish]}
            for item in selectors.checks_of(domain)
        ]

    @extend_schema_field(DkimKeySerializer(many=True))
    def get_keys(self, domain: SendingDomain) -> Any:
        keys = list(domain.keys.all())
        for key in keys:
            key.domain = domain
        return DkimKeySerializer(keys, many=True).data


class SelectorSerializer(serializers.Serializer[Any]):
    """Which of a domain's keys is meant."""

    selector = serializers.CharField(max_length=63)


class SendingDomainViewSet(ReadMixin, CreateMixin, DeleteMixin, WorkspaceViewSet[SendingDomain]):
    """The domains that mail is sent from: what the DNS says of them, and their DKIM keys."""

    scope = "mailboxes"
    write_capability = Capability.MANAGE
    serializer_class = SendingDomainSerializer

    def get_queryset(self) -> QuerySet[SendingDomain]:
        return selectors.domains_in(self.workspace).prefetch_related("keys")

    def create_object(self, data: dict[str, Any]) -> SendingDomain:
        return services.add_domain(workspace=self.workspace, **data)

    def delete_object(self, instance: SendingDomain) -> None:
        services.delete_domain(instance)

    @extend_schema(request=None, responses=SendingDomainSerializer)
    @action(detail=True, methods=["post"])
    def check(self, request: Request, pk: str | None = None) -> Response:
        """Ask the DNS now; keys whose records are there begin to sign."""
        domain = self.get_object()
        services.check_domain(domain)
        return self._now(domain)

    @extend_schema(request=None, responses={201: SendingDomainSerializer})
    @action(detail=True, methods=["post"])
    def keys(self, request: Request, pk: str | None = None) -> Response:
        """Make an RSA and an Ed25519 key; they wait until their records are published."""
        domain = self.get_object()
        services.create_dkim_keys(domain)
        return self._now(domain, status=201)

    @extend_schema(request=SelectorSerializer, responses=SendingDomainSerializer)
    @action(detail=True, methods=["post"], url_path="activate-key")
    def activate_key(self, request: Request, pk: str | None = None) -> Response:
        """Let a waiting key sign although its record was not seen from here."""
        domain = self.get_object()
        services.activate_dkim_key(selectors.dkim_key_called(domain, self._selector(request)))
        return self._now(domain)

    @extend_schema(request=SelectorSerializer, responses=SendingDomainSerializer)
    @action(detail=True, methods=["post"], url_path="delete-key")
    def delete_key(self, request: Request, pk: str | None = None) -> Response:
        """Destroy a key; if it signs, mail goes out without its signature from the next batch on."""
        domain = self.get_object()
        services.delete_dkim_key(selectors.dkim_key_called(domain, self._selector(request)))
        return self._now(domain)

    def _selector(self, request: Request) -> str:
        given = SelectorSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return str(given.validated_data["selector"])

    def _now(self, domain: SendingDomain, *, status: int = 200) -> Response:
        current = self.get_queryset().get(pk=domain.pk)
        return Response(self.get_serializer(current).data, status=status)
