"""From a mailing and a contact to the octets on the wire."""

from delivery.compose.addresses import BadRecipientError, WireAddress, wire_address
from delivery.compose.composer import ComposeError, Composer, Recipient
from delivery.compose.uncompiled import count_uncompiled

__all__ = [
    "BadRecipientError",
    "ComposeError",
    "Composer",
    "Recipient",
    "WireAddress",
    "count_uncompiled",
    "wire_address",
]
