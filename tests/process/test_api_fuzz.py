"""A part of ``make fuzz`` for every run: few requests an operation, always the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fuzz import campaign
from fuzz.campaign import Doors

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.processes import Services

# The systematic phase makes thousands of requests whatever it is told: it is left to `make fuzz`.
FEW = ("--phases", "examples,fuzzing", "--max-examples", "4", "--seed", "1", "--no-shrink")


@pytest.mark.slow
@pytest.mark.parametrize("doors", Doors)
def test_every_answer_is_as_the_document_has_it(
    services: Services, figure: Callable[[str, object], None], doors: Doors
) -> None:
    outcome = campaign.run(services, doors, FEW)

    figure(f"requests, {doors}", outcome.cases)
    assert outcome.failures == [], outcome.text
    assert outcome.operations > 50
