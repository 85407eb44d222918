"""Secrets of a machine that was given none: made once, kept beside its data."""

import base64
import os
import secrets as random
from pathlib import Path

from config.dotenv import read_dotenv

FILE_NAME = "secrets.env"


def ensure_secrets(data_dir: Path) -> dict[str, str]:
    """Return SECRET_KEY and ENCRYPTION_KEYS from `data_dir`/secrets.env, which is made (mode 600) if it is missing.

    Two processes that start together agree on one file. Raises OSError if the folder cannot be written.
    """
    path = data_dir / FILE_NAME
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        draft = data_dir / f".{FILE_NAME}.{os.getpid()}"
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(
                "# Made on the first start. Who has these can sign in as anyone; losing them loses saved passwords.\n"
            )
            file.write(f"SECRET_KEY={random.token_urlsafe(48)}\n")
            file.write(f"ENCRYPTION_KEYS={new_encryption_key()}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return read_dotenv(path)


def new_encryption_key() -> str:
    """Return a fresh key for ENCRYPTION_KEYS: 32 random bytes in URL-safe base64, as Fernet takes them."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()
