"""DKIM: signatures (RFC 6376, 8463), key pairs and the records that publish them.  Pure: no database, no network."""

from delivery.dkim.keys import Algorithm, KeyPair, generate, load_private, public_of
from delivery.dkim.records import KeyRecord, RecordError, parse_record, record_name, record_text, zone_text
from delivery.dkim.signer import Signer, SigningKey

__all__ = [
    "Algorithm",
    "KeyPair",
    "KeyRecord",
    "RecordError",
    "Signer",
    "SigningKey",
    "generate",
    "load_private",
    "parse_record",
    "public_of",
    "record_name",
    "record_text",
    "zone_text",
]
