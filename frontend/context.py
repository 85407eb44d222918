"""What every page's template can use, whatever its view."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def page(request: HttpRequest) -> dict[str, Any]:
    """Context processor: the product's name, and the workspace that the team's middleware put on the request, if any."""
    return {
        "product_name": getattr(settings, "PRODUCT_NAME", "Drumbeat"),
        "workspace": getattr(request, "workspace", None),
    }
