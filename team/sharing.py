"""The dialog in which one object is shared with members, the same for every kind of object.

Exported: the views of apps above answer with it (docs/decisions/0004-doors.md).
"""

from typing import Any

from django.db.models import Model
from django.http import HttpResponse
from django.utils.http import urlencode

from core.exceptions import NotFound
from frontend.htmx import is_fragment, redirect, render_page, say
from team import selectors, services
from team.access import MemberRequest, shares_for
from team.exceptions import TeamError
from team.models import Membership, Share

PAGE = "team/share.html"


def share_dialog(request: MemberRequest, obj: Model, *, back_url: str) -> HttpResponse:
    """Show who may do what with an object; POST (`member`, `access`) shares it, changes that or ends it ("").

    The caller has looked the object up in the request's workspace and made sure that the member may manage it. What was
    done is told with a button that undoes it. `back_url` is the object's own page. Raises NotFound for somebody who is
    no member, InvalidInput for what can't be given.
    """
    if request.method != "POST":
        return render_page(request, PAGE, _context(obj, back_url), partial="dialog")
    given = request.GET if "member" in request.GET else request.POST  # the undo of a message has its values in the URL
    membership, access = _member(request, given.get("member", "")), given.get("access", "")
    try:
        before = services.share(obj=obj, membership=membership, access=access)
    except TeamError as error:
        return render_page(
            request, PAGE, {**_context(obj, back_url), "refusal": error.message}, partial="dialog", status=422
        )
    undo: dict[str, str | int] = {"member": membership.pk, "access": before}
    if given is request.GET or not is_fragment(request):
        say(request, _done(membership, access), undo_url=f"{request.path}?{urlencode(undo)}")
        return redirect(request, request.path)
    context = _context(obj, back_url)
    if before != access:
        context |= {"done": _done(membership, access), "undo": undo}
    return render_page(request, PAGE, context, partial="dialog")


def _member(request: MemberRequest, number: str) -> Membership:
    if not number.isdecimal() or int(number) >= 2**63:
        raise NotFound("There is no such member.")
    return selectors.member_in(request.workspace, int(number))


def _done(membership: Membership, access: str) -> str:
    return f"{membership.user} {Share(access).label.lower() if access else 'can only view'} now."


def _context(obj: Model, back_url: str) -> dict[str, Any]:
    everybody = selectors.access_to(obj)
    levels = shares_for(type(obj))
    labels = {str(level): level.label for level in levels}
    rest = [access for access in everybody if not access.share]
    return {
        "object": obj,
        "kind": str(type(obj)._meta.verbose_name),
        "back_url": back_url,
        "levels": list(labels.items()),
        "candidates": [access.membership for access in rest if access.by_role != levels[-1]],
        "shared": [access for access in everybody if access.share],
        "by_role": [(access.membership, labels.get(access.by_role, "Can view")) for access in rest],
    }
