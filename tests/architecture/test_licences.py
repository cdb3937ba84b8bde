"""Every dependency has a licence that is known, and what we ship may be shipped."""

from __future__ import annotations

import pytest

import licences


def test_the_page_lists_what_is_locked_and_all_of_it_may_be_shipped() -> None:
    at_run_time, for_development = licences.licences()
    text = licences.PAGE.read_text()

    assert text == licences.page(text, at_run_time, for_development), "run: make licences"
    assert licences.incompatible(at_run_time) == {}
    assert at_run_time["rq"] == "BSD-2-Clause"
    assert "pytest" in for_development


@pytest.mark.parametrize(
    ("licence", "is_refused"),
    [
        ("MIT", False),
        ("GPL-3.0-only OR MIT", False),
        ("MIT AND BSD-3-Clause", False),
        ("GPL-3.0-only", True),
        ("AGPL-3.0-or-later", True),
        ("MIT AND LGPL-2.1-only", True),
        ("SSPL-1.0", True),
    ],
)
def test_what_may_not_be_shipped_is_refused(licence: str, is_refused: bool) -> None:
    assert bool(licences.incompatible({"some-package": licence})) == is_refused
