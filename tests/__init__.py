"""Tests mirror the apps; `api/` has one file per documented endpoint."""

import os

# Before settings load: nothing runs beside a test, and configuration is looked up again whenever a name is missing.
os.environ.setdefault("SNAPSHOT_SECONDS", "0")
