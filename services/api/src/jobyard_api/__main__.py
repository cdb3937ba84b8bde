"""``python -m jobyard_api`` is ``jobyard-api``."""

from __future__ import annotations

from jobyard_api.main import main

main()
