"""The links in invitations: sealed, so that they can be shown again and reveal nothing."""

import struct

from core import sealing

PURPOSE = b"invitation"
_FORMAT = struct.Struct(">Q")


def invitation_token(invitation_id: int) -> str:
    """Return the token of an invitation's link."""
    return sealing.seal(PURPOSE, _FORMAT.pack(invitation_id))


def read_invitation_token(token: str) -> int:
    """Return the invitation's id.  Raises core.sealing.BadToken."""
    payload = sealing.unseal(PURPOSE, token)
    if len(payload) != _FORMAT.size:
        raise sealing.BadToken("The token is not an invitation's.")
    (invitation_id,) = _FORMAT.unpack(payload)
    return int(invitation_id)
