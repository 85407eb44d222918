"""Delivery's stored secrets put under the installation's first encryption key."""

from core.secret_columns import Renewal, SecretColumn, renew
from delivery.domains.signing import context_of
from delivery.esp.accounts import key_context
from delivery.models import ApiAccount, DkimKey, Mailbox, OAuthLogin, OAuthToken
from delivery.oauth import secret_context
from delivery.servers import password_context

COLUMNS = (
    SecretColumn(ApiAccount, "key_encrypted", lambda account: key_context(account.workspace_id)),
    SecretColumn(Mailbox, "smtp_password_encrypted", lambda mailbox: password_context(mailbox.workspace_id)),
    SecretColumn(OAuthLogin, "client_secret_encrypted", lambda login: secret_context(login.workspace_id)),
    SecretColumn(OAuthToken, "access_encrypted", lambda token: secret_context(token.login.workspace_id)),
    SecretColumn(OAuthToken, "refresh_encrypted", lambda token: secret_context(token.login.workspace_id)),
    SecretColumn(DkimKey, "private_encrypted", lambda key: context_of(key.workspace_id, key.domain.name, key.selector)),
)


def renew_secrets() -> list[Renewal]:
    """Encrypt anew, with the first key, what another one encrypted; safe to break off and repeat."""
    return [renew(column) for column in COLUMNS]
