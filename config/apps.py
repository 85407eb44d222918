from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Drumbeat"

    def ready(self) -> None:
        from config.subscriptions import subscribe

        subscribe()
