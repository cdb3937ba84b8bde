"""A plugin of pytest: what is drawn at random is drawn less often, and no failure is explained."""

from __future__ import annotations

from hypothesis import Phase, settings


def pytest_configure() -> None:
    settings.register_profile(
        "hurry",
        settings.get_profile("yard"),
        max_examples=20,
        phases=[Phase.explicit, Phase.generate],
    )
    settings.load_profile("hurry")
