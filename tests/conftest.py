"""Fixtures every test may use; the servers behind them come from `tests.plugins.services`."""

import os
from collections.abc import Iterator

import pytest
from django.conf import settings as django_settings
from hypothesis import settings as hypothesis_settings

pytest_plugins = [
    "tests.plugins.browser",
    "tests.plugins.database",
    "tests.plugins.dns",
    "tests.plugins.esp",
    "tests.plugins.mail",
    "tests.plugins.postfix",
    "tests.plugins.workers",
]


def pytest_configure() -> None:
    """Turn off what is slow or useless in tests: static manifests and expensive password hashes."""
    # A busy machine makes single examples slow; pytest-timeout watches over the whole. CI tries the same examples each time.
    hypothesis_settings.register_profile("drumbeat", deadline=None, derandomize="CI" in os.environ)
    hypothesis_settings.load_profile("drumbeat")
    django_settings.STORAGES = {
        **django_settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything under tests/browser as a browser test, and give it longer."""
    for item in items:
        if "/tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(autouse=True)
def _empty_redis() -> Iterator[None]:
    """Leave Redis empty after each test: cache, queues, buffers and pacing buckets."""
    yield
    from core import redis

    redis.client().flushdb()
