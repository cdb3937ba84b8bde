"""How much this process logs, as the store says, while it serves."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from jobyard.errors import JobyardError
from jobyard.observability.followed_level import LOOK_SECONDS, FollowedLevel
from jobyard.observability.log_level import Service
from jobyard.observability.logging import get_logger
from jobyard.store import log_level_calls

if TYPE_CHECKING:
    from jobyard.store import AsyncStore

_log = get_logger("jobyard_api")


async def follow_level(store: AsyncStore, configured: str) -> None:
    """Follows what is asked of the API, for ever."""
    followed = FollowedLevel(configured)
    while True:
        await _look(store, followed)
        await asyncio.sleep(LOOK_SECONDS)


async def _look(store: AsyncStore, followed: FollowedLevel) -> None:
    try:
        (asked,) = await store.run(log_level_calls.log_levels([Service.API]))
    except JobyardError:
        followed.stay()
    except Exception:  # noqa: BLE001 - the loop's boundary: a bad answer must not end it
        _log.exception("log_level.unread")
        followed.stay()
    else:
        followed.heed(asked)
