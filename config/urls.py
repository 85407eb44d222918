"""Every URL of the web process; the pixel and the links are served by `tracking.asgi` beside it.

Each app brings `urls.py` (pages) and `api/urls.py` (a router's urls).
"""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

from campaigns.urls import public_urlpatterns as campaigns_public
from core.api.views import docs, nowhere
from team.views.accounts import admin_sign_in
from templates_lib.urls import asset_urlpatterns

handler500 = "core.api.views.server_error"

api_urlpatterns: list[URLPattern | URLResolver] = [
    path("schema/", SpectacularAPIView.as_view(), name="api_schema"),
    path("", include("team.api.urls")),
    path("", include("contacts.api.urls")),
    path("", include("templates_lib.api.urls")),
    path("", include("delivery.api.urls")),
    path("", include("tracking.api.urls")),
    path("", include("sequences.api.urls")),
    path("", include("campaigns.api.urls")),
    path("", include("analytics.api.urls")),
    path("", include("integrations.api.urls")),
    path("<path:path>", nowhere),
]

urlpatterns = [
    path("api/docs/", docs, name="api_docs"),
    path("api/v1/", include(api_urlpatterns)),
    path("contacts/", include("contacts.urls")),
    path("", include("team.urls")),
    path("campaigns/", include("campaigns.urls")),
    path("sequences/", include("sequences.urls")),
    path("experiments/", include("abtests.urls")),
    path("mailboxes/", include("delivery.urls")),
    path("templates/", include("templates_lib.urls")),
    path("", include(asset_urlpatterns)),
    path("", include("tracking.urls")),
    path("", include(campaigns_public)),
    path("", include("integrations.urls")),
    path("admin/login/", admin_sign_in),
    path("admin/", admin.site.urls),
    path("", include("analytics.urls")),
    path("", include("frontend.urls")),
]
