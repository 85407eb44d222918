"""Every write of the integrations: idempotency keys, the sources of incoming webhooks, and the programs that are told by webhooks."""

from integrations.services.announcing import note_experiment_decided
from integrations.services.delivering import deliver_webhooks, deliver_webhooks_aside, forget_deliveries
from integrations.services.endpoints import (
    delete_endpoint,
    renew_endpoint_secret,
    resend,
    save_endpoint,
    send_test,
)
from integrations.services.idempotency import (
    KEEP_ANSWERS,
    LONGEST_REQUEST,
    StoredAnswer,
    claim_key,
    forget_old_keys,
    keep_answer,
    release_key,
)
from integrations.services.secrets import SECRET_COLUMNS, renew_secrets
from integrations.services.sources import delete_source, renew_secret, save_source, take_webhook

__all__ = [
    "KEEP_ANSWERS",
    "LONGEST_REQUEST",
    "SECRET_COLUMNS",
    "StoredAnswer",
    "claim_key",
    "delete_endpoint",
    "delete_source",
    "deliver_webhooks",
    "deliver_webhooks_aside",
    "forget_deliveries",
    "forget_old_keys",
    "keep_answer",
    "note_experiment_decided",
    "release_key",
    "renew_endpoint_secret",
    "renew_secret",
    "renew_secrets",
    "resend",
    "save_endpoint",
    "save_source",
    "send_test",
    "take_webhook",
]
