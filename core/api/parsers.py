import json
import re
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser as BaseJSONParser
from rest_framework.utils.json import strict_constant

# Half of a surrogate pair can be written in JSON, but neither stored nor sent back as UTF-8.
_MAYBE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class JSONParser(BaseJSONParser):
    """Reads JSON (RFC 8259); what can't be read, is nested too deeply or is no Unicode is a 400 that says so."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        encoding = (parser_context or {}).get("encoding", settings.DEFAULT_CHARSET)
        try:
            text = stream.read().decode(encoding)
            document = json.loads(text, parse_constant=strict_constant)
            if _MAYBE_SURROGATE.search(text):
                json.dumps(document, ensure_ascii=False).encode()
        except (ValueError, LookupError) as error:
            raise ParseError(f"JSON parse error - {_reason(error)}") from error
        except RecursionError:
            raise ParseError("JSON parse error - nested too deeply") from None
        return document


def _reason(error: Exception) -> str:
    match error:
        case UnicodeEncodeError():
            return "half of a surrogate pair stands alone"
        case UnicodeDecodeError():
            return f"this is not {error.encoding}"
        case _:
            return str(error)
