"""Images: the page where they are kept, the dialog where one is picked, and their public address."""

from pathlib import PurePath

from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from core.exceptions import DomainError, NotFound
from frontend.htmx import invalid, render_page, toast
from frontend.pagination import paginate
from team.access import Capability, MemberRequest, can, member_view
from templates_lib import selectors, services
from templates_lib.forms import UploadForm
from templates_lib.images import CONTENT_TYPES

PAGE = "templates_lib/assets.html"


@member_view(Capability.VIEW)
@require_GET
def assets(request: MemberRequest) -> HttpResponseBase:
    """List the images."""
    return render_page(request, PAGE, _context(request, UploadForm()), partial="images")


@member_view(Capability.EDIT)
@require_POST
def upload(request: MemberRequest) -> HttpResponseBase:
    """Take one or more images."""
    form = UploadForm(request.POST, request.FILES)
    kept = 0
    for file in form.cleaned_data["file"] if form.is_valid() else []:
        try:
            services.upload_asset(workspace=request.workspace, upload=file, user=request.user)
            kept += 1
        except DomainError as error:
            form.add_error("file", f"{file.name}: {error.message}")
    if not form.is_valid():
        return invalid(request, PAGE, _context(request, form), partial="images")
    response = render_page(request, PAGE, _context(request, UploadForm()), partial="images")
    return toast(response, "The image is ready to use." if kept == 1 else f"{kept} images are ready to use.")


@member_view(Capability.EDIT)
@require_POST
def delete(request: MemberRequest, asset_id: int) -> HttpResponseBase:
    """Delete an image."""
    services.delete_asset(selectors.asset_in(request.workspace, asset_id))
    return toast(render_page(request, PAGE, _context(request, UploadForm()), partial="images"), "The image is deleted.")


@member_view(Capability.VIEW)
@require_http_methods(["GET"])
def picker(request: MemberRequest) -> HttpResponseBase:
    """Offer the images to insert into the editor, in a dialog."""
    return render_page(request, "templates_lib/picker.html", _context(request, UploadForm()), partial="dialog")


@require_safe
def image(request: HttpRequest, token: str, name: str) -> HttpResponseBase:
    """Serve an image to whoever has its address: mail programs, without a login."""
    asset = selectors.asset_of_token(token)
    content_type = CONTENT_TYPES.get(PurePath(asset.file.name or "").suffix.lstrip("."))
    if content_type is None or name != asset.name:
        raise NotFound("There is no such image.")
    try:
        response: HttpResponse | FileResponse = FileResponse(asset.file.open("rb"), content_type=content_type)
    except FileNotFoundError as error:
        raise NotFound("There is no such image.") from error
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _context(request: MemberRequest, form: UploadForm) -> dict[str, object]:
    page = paginate(selectors.assets_in(request.workspace), cursor=request.GET.get("cursor"), order=("-id",), size=48)
    images = [(asset, selectors.asset_url(asset), selectors.asset_path(asset)) for asset in page.items]
    return {"page": page, "images": images, "form": form, "can_edit": can(request.membership, Capability.EDIT)}
