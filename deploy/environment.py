"""Makes .venv hold exactly what a lock file names; called by deploy/environment with the interpreter to use.

A second call does nothing. A call after a killed one, a changed lock, or a removed or differently chosen interpreter
repairs. Two calls at once take turns.
"""

import fcntl
import os
import platform
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ENVIRONMENT = Path(".venv")
PYTHON = ENVIRONMENT / "bin" / "python"
UNFINISHED = ENVIRONMENT / "unfinished"
DEVELOPMENT = Path("deploy/requirements-dev.txt")  # holds all of the runtime's


def main(lock: Path) -> None:
    with DEVELOPMENT.open() as turn:  # any file that stays will do
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not usable():
            print(f"Making .venv with Python {platform.python_version()}", flush=True)
            shutil.rmtree(ENVIRONMENT, ignore_errors=True)
            venv.create(ENVIRONMENT, with_pip=True, symlinks=True)
        if not any(holds(name) for name in {lock, DEVELOPMENT}):
            install(lock)


def usable() -> bool:
    """Whether .venv was finished and its interpreter still works and, if PYTHON chooses one, is that."""
    if UNFINISHED.exists() or not PYTHON.exists():
        return False
    probe = [str(PYTHON), "-c", "import pip, sys; print(sys.version)"]
    found = subprocess.run(probe, capture_output=True, text=True, check=False)  # noqa: S603
    return found.returncode == 0 and (not os.environ.get("PYTHON") or found.stdout.strip() == sys.version.strip())


def holds(lock: Path) -> bool:
    stamp = ENVIRONMENT / lock.name
    return stamp.exists() and stamp.read_bytes() == lock.read_bytes()


def install(lock: Path) -> None:
    print(f"Installing {lock} (half a minute to a minute)", flush=True)
    content = lock.read_bytes()
    for stamp in ENVIRONMENT.glob("requirements*.txt"):
        stamp.unlink()
    UNFINISHED.touch()  # a killed pip leaves packages that look complete: the next call starts over
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "-qq", "--no-input", "install"]
    if subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=False).returncode != 0:  # noqa: S603
        sys.exit(f"Installing {lock} failed; see above.")
    (ENVIRONMENT / lock.name).write_bytes(content)
    UNFINISHED.unlink()


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except KeyboardInterrupt:
        sys.exit(130)
