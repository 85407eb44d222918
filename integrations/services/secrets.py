"""Every stored secret of the integrations."""

from core.secret_columns import Renewal, SecretColumn, renew
from integrations.models import EventSource, WebhookEndpoint
from integrations.services import endpoints, sources

SECRET_COLUMNS = (
    SecretColumn(EventSource, "secret_encrypted", sources.context_of),
    SecretColumn(WebhookEndpoint, "secret_encrypted", endpoints.context_of),
    SecretColumn(WebhookEndpoint, "old_secret_encrypted", endpoints.context_of),
)


def renew_secrets() -> list[Renewal]:
    """Encrypt the secrets anew, with the first key, where another one encrypted them; safe to repeat."""
    return [renew(column) for column in SECRET_COLUMNS]
