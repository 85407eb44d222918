from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Drumbeat"

    def ready(self) -> None:
        import config.celery  # noqa: F401 - makes it the app of every shared task
        from config.subscriptions import subscribe

        subscribe()
