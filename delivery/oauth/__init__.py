"""Access tokens for logging in to SMTP servers (XOAUTH2): kept, and renewed before they expire."""

from delivery.oauth.endpoint import TokenError, TokenRefusedError, TokenUnavailableError
from delivery.oauth.tokens import access_token, give_up_token, login_of, seal_secret, secret_context

__all__ = [
    "TokenError",
    "TokenRefusedError",
    "TokenUnavailableError",
    "access_token",
    "give_up_token",
    "login_of",
    "seal_secret",
    "secret_context",
]
