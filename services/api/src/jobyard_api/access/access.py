"""All that decides who may do what, in one process."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from jobyard.observability.logging import get_logger
from jobyard_api.access.administration import Administration
from jobyard_api.access.audit import Audit
from jobyard_api.access.keyring import Keyring
from jobyard_api.access.mode import bootstrap_digest, may_stand_open
from jobyard_api.access.quotas import Meters

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Scope

    from jobyard.store import AsyncStore
    from jobyard_api.settings import ApiSettings

_log = get_logger("jobyard_api")


class Access:
    """Keys, quotas and the audit log of one process; made with the application, opened with it."""

    def __init__(self, settings: ApiSettings) -> None:
        """Opens nothing.

        Raises:
            ConfigurationError: The bootstrap key of the settings cannot be used.
        """
        self.is_off = settings.auth == "open"
        self.classic_public = settings.classic_public
        self.is_guarded_by_address = may_stand_open(settings)
        self.audit = Audit()
        bootstrap = bootstrap_digest(settings)
        self.administration = Administration(bootstrap)
        self._meters = Meters()
        self.keyring = Keyring(
            self._meters, bootstrap=bootstrap, may_stand_open=self.is_guarded_by_address
        )

    async def until_refused(self, scope: Scope) -> None:
        """Returns once the sender of a request that is still being answered may come no more."""
        principal = scope["state"]["principal"]
        if self.is_off or principal.is_public:
            await asyncio.Event().wait()
        await self.keyring.until_refused(principal)

    @contextlib.asynccontextmanager
    async def running(self, store: AsyncStore) -> AsyncIterator[None]:
        """Keeps what is known fresh while the application runs."""
        for part in (self.audit, self._meters, self.keyring, self.administration):
            part.attach(store)
        if self.is_off:
            _log.warning("access.open", reason="JOBYARD_AUTH=open: everybody may do everything")
        refresher = asyncio.create_task(self.keyring.keep_fresh())
        try:
            yield
        finally:
            refresher.cancel()
            await asyncio.gather(refresher, return_exceptions=True)
            await self.keyring.say_used()
