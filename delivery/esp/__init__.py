"""Providers that take mail by their HTTP API, through django-anymail, behind the same `deliver` as the SMTP client."""

from delivery.esp.client import EspClient
from delivery.esp.providers import PROVIDERS, Account, Provider, provider_of

__all__ = ["PROVIDERS", "Account", "EspClient", "Provider", "provider_of"]
