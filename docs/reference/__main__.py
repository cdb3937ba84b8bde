"""Writes all pages: ``make reference``."""

from __future__ import annotations

from jobyard.observability import reference as metrics
from jobyard_api import reference as api
from reference import PAGES
from reference.page import DOCS


def main() -> None:
    """Renews what is generated below ``docs/``."""
    api.write(DOCS)
    metrics.write(DOCS / "metrics.md")
    for page in PAGES:
        page.path.write_text(page.renewed(), "utf-8")


if __name__ == "__main__":
    main()
