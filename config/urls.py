"""Every URL of the web process; the pixel and the links are served by `tracking.asgi` beside it.

Each app brings `urls.py` (pages) and `api/urls.py` (a router's urls).
"""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("frontend.urls")),
]
