"""The app's place in the registry."""

from django.apps import AppConfig


class FrontendConfig(AppConfig):
    """Layouts, components and browser code."""

    name = "frontend"
    verbose_name = "Front end"
