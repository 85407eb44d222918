"""The guard in front of every page about one sequence."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate

from django.http import HttpRequest, HttpResponseBase

from sequences import selectors
from sequences.models import Sequence
from team.access import Capability, MemberRequest, capabilities_on, member_view, require_on


def sequence_view[**P, ResponseT: HttpResponseBase](
    capability: Capability,
) -> Callable[
    [Callable[Concatenate[MemberRequest, Sequence, P], ResponseT]],
    Callable[..., HttpResponseBase],
]:
    """Hand the view the workspace's sequence of the URL's `sequence_id`, once the member may do `capability` to it.

    Raises NotFound for one that isn't there or is another workspace's, Forbidden without the capability.  A sequence has no
    shares of its own: what is shared is its campaign.
    """

    def decorate(
        view: Callable[Concatenate[MemberRequest, Sequence, P], ResponseT],
    ) -> Callable[..., HttpResponseBase]:
        @member_view(Capability.VIEW)
        def guarded(request: MemberRequest, /, sequence_id: int, *args: P.args, **kwargs: P.kwargs) -> ResponseT:
            sequence = selectors.sequence_in(request.workspace, sequence_id)
            require_on(request.membership, capability, selectors.owner_of(sequence))
            return view(request, sequence, *args, **kwargs)

        @wraps(view)
        def named(request: HttpRequest, /, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return guarded(request, *args, **kwargs)

        return named

    return decorate


def frame(request: MemberRequest, sequence: Sequence) -> dict[str, Any]:
    """Return what `sequences/base.html` shows on every page about the sequence, and what the member may do with it."""
    owner = selectors.owner_of(sequence)
    held = capabilities_on(request.membership, [owner])[owner.pk]
    return {
        "sequence": sequence,
        "campaign": None if owner is sequence else owner,
        "can_edit": Capability.EDIT in held,
        "can_send": Capability.SEND in held,
        "nav": "campaigns:list",
    }
