"""Django's settings; everything that an installation may change comes from `config.environment`."""

import os
import sys
from pathlib import Path

from django.utils.csp import CSP

from config.database import database_settings
from config.environment import ConfigurationError, load_environment

BASE_DIR = Path(__file__).resolve().parent.parent

try:
    ENVIRONMENT = load_environment(os.environ, BASE_DIR)
except ConfigurationError as error:
    sys.exit(str(error))

SECRET_KEY = ENVIRONMENT.secret_key
SECRET_KEY_FALLBACKS = list(ENVIRONMENT.secret_key_fallbacks)
ENCRYPTION_KEYS = list(ENVIRONMENT.encryption_keys)
DEBUG = ENVIRONMENT.debug
ALLOWED_HOSTS = list(ENVIRONMENT.allowed_hosts)
BASE_URL = ENVIRONMENT.base_url
TRACKING_URL = ENVIRONMENT.tracking_url
EMAIL_SANDBOX = ENVIRONMENT.email_sandbox
REDIS_URL = ENVIRONMENT.redis_url
BROKER_URL = ENVIRONMENT.broker_url
METRICS_TOKEN = ENVIRONMENT.metrics_token
DATA_DIR = ENVIRONMENT.data_dir
# What a sending machine had begun when it fell silent is given up as unknown after so long.
HOST_AWAY_MINUTES = ENVIRONMENT.host_away_minutes
# For how many days done batches, single attempts and facts are kept; 0: for ever.
BATCH_RETENTION_DAYS = ENVIRONMENT.batch_retention_days
ATTEMPT_RETENTION_DAYS = ENVIRONMENT.attempt_retention_days
FACT_RETENTION_DAYS = ENVIRONMENT.fact_retention_days
WEBHOOKS_TO_PRIVATE_ADDRESSES = ENVIRONMENT.webhooks_to_private_addresses
# Name servers as (address, port) for the checks of sending domains; none: the machine's own.
DNS_RESOLVERS = list(ENVIRONMENT.dns_resolvers)
TRUSTED_PROXIES = list(ENVIRONMENT.trusted_proxies)
EVENT_RETENTION_MONTHS = ENVIRONMENT.event_retention_months

INSTALLED_APPS = [
    "config",
    "integrations",
    "analytics",
    "campaigns",
    "sequences",
    "abtests",
    "tracking",
    "delivery",
    "contacts",
    "templates_lib",
    "team",
    "frontend",
    "core",
    "django_htmx",
    "guardian",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "config.health.ProbeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "team.middleware.WorkspaceMiddleware",
    "team.middleware.AuditActorMiddleware",
    "integrations.middleware.IdempotencyMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "frontend.middleware.MessagesAsToasts",
    "frontend.middleware.DomainErrorMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
FORM_RENDERER = "frontend.forms.TablerRenderer"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "frontend" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.csp",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "frontend.context.page",
            ],
        },
    }
]

DATABASES = {"default": database_settings(ENVIRONMENT.database_url)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "team.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "team:login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "team:login"

# The system's own mail (invitations, password resets); campaigns leave through their mailboxes.
MAILERS = {"default": ENVIRONMENT.system_mail.mailer()}
DEFAULT_FROM_EMAIL = ENVIRONMENT.system_sender

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "frontend" / "static_src", BASE_DIR / "frontend" / "static_vendor"]
MEDIA_URL = "/media/"
MEDIA_ROOT = DATA_DIR / "media"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF, CSP.NONCE],
    "style-src": [CSP.SELF, CSP.NONCE],
    "img-src": [CSP.SELF, "data:"],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "frame-src": [CSP.SELF],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
}
X_FRAME_OPTIONS = "SAMEORIGIN"
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BASE_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [BASE_URL]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SESSION_COOKIE_SECURE else None
# A 200 MB CSV is streamed to disk; what is held in memory stays small.
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

# The most steps that one sequence can have.
MAX_SEQUENCE_STEPS = 50
# How deep branches in branches can be.
MAX_SEQUENCE_NESTING = 10

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "team.api.authentication.TokenAuthentication",
        "team.api.authentication.MemberSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["team.api.permissions.HasScope"],
    "DEFAULT_PAGINATION_CLASS": "core.api.pagination.CursorPagination",
    "PAGE_SIZE": 50,
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.api.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_THROTTLE_CLASSES": ["team.api.throttling.TokenRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {"token": "600/min"},
    "EXCEPTION_HANDLER": "core.api.problems.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Drumbeat API",
    "DESCRIPTION": "Contacts, templates, campaigns and what became of them.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "PREPROCESSING_HOOKS": ["team.api.schema.only_resources"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "team.api.schema.document_common",
    ],
    "ENUM_NAME_OVERRIDES": {
        "DomainLevelEnum": "delivery.api.domains.LEVELS",
        "MessageStateEnum": "delivery.api.serializers.STATES",
        "StepKindEnum": "sequences.models.StepKind",
        "SuppressionReasonEnum": "contacts.models.SuppressionReason",
    },
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"text": {"()": "config.logs.LineFormatter"}, "json": {"()": "config.logs.ObjectFormatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": ENVIRONMENT.log_format}},
    "root": {"handlers": ["console"], "level": ENVIRONMENT.log_level},
    # Two lines for each task, with several tasks a second, would hide everything else; failures are errors and stay.
    "loggers": {
        name: {"level": "INFO" if ENVIRONMENT.log_level == "DEBUG" else "WARNING"}
        for name in ("celery.app.trace", "celery.beat", "celery.worker.strategy")
    },
}
