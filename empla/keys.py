"""The keys that secrets are sealed by: EMPLA_SECRET_KEYS, or for an embedded server a file of its own beside it."""

import os
from pathlib import Path

from pydantic import SecretStr

from empla import sealing
from empla.errors import UnavailableError
from empla.sealing import Keyring
from empla.settings import Settings

KEY_FILE = "secret.key"


def keyring(settings: Settings) -> Keyring:
    """The keys at hand. Raises `UnavailableError` when there are none, `InvalidError` for malformed ones."""
    if settings.secret_keys is not None:
        return Keyring.parse(settings.secret_keys)
    if settings.database_url is not None:
        raise UnavailableError(
            "secrets are sealed by a key of yours: set EMPLA_SECRET_KEYS (empla integrations new-key makes one)"
        )
    return Keyring.parse(SecretStr(_own_key(settings.home)))


def _own_key(home: Path) -> str:
    """The embedded server's key, made when it is first needed."""
    file = home / KEY_FILE
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return file.read_text("ascii").strip()
    except OSError as error:
        raise UnavailableError(f"no key for secrets can be kept in {file}: {error.strerror}") from error
    with os.fdopen(handle, "w") as opened:
        key = sealing.new_key()
        opened.write(f"{key}\n")
    return key
