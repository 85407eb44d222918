"""From a mailing and a contact to the octets on the wire."""

from delivery.compose.addresses import BadRecipientError, WireAddress, wire_address
from delivery.compose.composer import ComposeError, Composer, Recipient

__all__ = ["BadRecipientError", "ComposeError", "Composer", "Recipient", "WireAddress", "wire_address"]
