"""The signing key of an installation that has set none: made once, kept in the data folder, shared by every command."""

import os
import secrets
from pathlib import Path


def secret_key(data_dir: Path) -> str:
    """The key in `<data_dir>/secret_key` (mode 0600), made there when missing; two first starts agree on one."""
    path = data_dir / "secret_key"
    if not path.exists():
        data_dir.mkdir(parents=True, exist_ok=True)
        draft = data_dir / f"secret_key.{os.getpid()}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(50))
        try:
            os.link(draft, path)  # fails where another start was first: its key counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()
