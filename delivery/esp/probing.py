"""A question to a provider's API that sends nothing, to see whether the key is right."""

import requests

from delivery.esp.answers import describe
from delivery.esp.providers import Account
from delivery.smtp import Failure, Stage

_TIMEOUT = (8, 15)


def probe(account: Account) -> Failure | None:
    """Ask the API who we are; return why it can't be used, or None."""
    label = account.provider.label
    try:
        response = requests.get(
            account.backend().api_url + account.provider.probe.format(domain=account.domain),
            headers={name: value.format(key=account.api_key) for name, value in account.provider.probe_headers.items()},
            auth=("api", account.api_key) if not account.provider.probe_headers else None,
            timeout=_TIMEOUT,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        return Failure(Stage.CONNECT, f"{label} can't be reached: {type(error).__name__}")
    if response.status_code in (401, 403):
        return Failure(Stage.AUTH, f"The API key is refused. {describe(label, response)}")
    if not response.ok:
        return Failure(Stage.CONNECT, describe(label, response))
    return None
