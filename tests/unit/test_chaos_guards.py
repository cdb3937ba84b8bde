"""The crash harness's list of guards: each can be switched off in the code as it is now."""

from __future__ import annotations

import pytest

from chaos.guards import GUARDS, Guard, Patch, PatchError


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_can_be_switched_off(guard: Guard) -> None:
    for patch in guard.patches:
        text = patch.source().read_text()

        assert patch.applied(text) != text


def test_a_patch_that_does_not_fit_is_an_error() -> None:
    patch = Patch("jobyard/store/lua/claim.lua", "no such guard", "")

    with pytest.raises(PatchError, match="no such guard"):
        patch.applied(patch.source().read_text())
