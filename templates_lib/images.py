"""Images for mail: what they are is read from their bytes, never from their name."""

import io
import re
import warnings
from dataclasses import dataclass
from pathlib import PurePath

from templates_lib.exceptions import UnusableImage

MAX_BYTES = 5_000_000
MAX_PIXELS = 40_000_000
CONTENT_TYPES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
_SUFFIXES = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "WEBP": "webp"}
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """An image that was looked at: `name` is fit for a URL and ends in what the image really is."""

    name: str
    suffix: str
    width: int
    height: int


def check_image(filename: str, data: bytes) -> CheckedImage:
    """Return what an upload is.  Raises UnusableImage for anything but a whole PNG, JPEG, GIF or WebP within the limits.

    SVG is refused: it can hold scripts, and hardly any mail program shows it.
    """
    # Megabytes that no process needs but the one that takes the upload.
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise UnusableImage("The file is empty.")
    if len(data) > MAX_BYTES:
        raise UnusableImage(f"The image has {len(data) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB are allowed.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=list(_SUFFIXES)) as image:
                suffix, (width, height) = _SUFFIXES[str(image.format)], image.size
                if width * height > MAX_PIXELS:
                    raise UnusableImage(f"The image has {width} × {height} pixels, which is too large for mail.")
                image.load()
    except (UnidentifiedImageError, Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise UnusableImage("This is no PNG, JPEG, GIF or WebP image that mail programs can show.") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise UnusableImage("The image is damaged.") from error
    stem = _UNSAFE.sub("-", PurePath(filename).stem).strip("-.")[:80] or "image"
    return CheckedImage(f"{stem}.{suffix}", suffix, width, height)
