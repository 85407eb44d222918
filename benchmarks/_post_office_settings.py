"""Django's settings for the peer django-post-office: a database of its own on the benchmark's server."""

import os

from config.database import database_settings

SECRET_KEY = "a key for benchmarks alone"
INSTALLED_APPS = ["django.contrib.contenttypes", "post_office"]
DATABASES = {"default": {**database_settings(os.environ["DATABASE_URL"]), "NAME": "post_office"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
EMAIL_BACKEND = "post_office.EmailBackend"
EMAIL_HOST, EMAIL_PORT = "127.0.0.1", int(os.environ.get("SINK_PORT", "25"))
POST_OFFICE = {
    "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
    "BATCH_SIZE": 1000,
    "LOG_LEVEL": 0,
    "THREADS_PER_PROCESS": 4,
    "MAX_RETRIES": 0,
}
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
