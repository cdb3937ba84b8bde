"""How jobs ended, from one stream of events for all followers of a process."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import gevent
import httpx
from gevent.event import AsyncResult

if TYPE_CHECKING:
    from loadlab.api import Api

_KEPT = 50_000
"""An end may be told before the submission is answered, by as many ends as the API is ahead."""
_AGAIN_SECONDS = 0.5


class Ends:
    """Listens from ``start`` on, and goes on where it was when the stream breaks."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._place = ""
        self._told: OrderedDict[str, str] = OrderedDict()
        self._awaited: dict[str, AsyncResult[str]] = {}

    def start(self) -> None:
        """Begins to listen."""
        gevent.spawn(self._listen)

    def wait(self, job_id: str, seconds: float) -> str | None:
        """A job's last state; None when it was not told within ``seconds``."""
        if (state := self._told.pop(job_id, None)) is not None:
            return state
        result: AsyncResult[str] = AsyncResult()
        self._awaited[job_id] = result
        try:
            return result.get(timeout=seconds)
        except gevent.Timeout:
            return None
        finally:
            del self._awaited[job_id]

    def _listen(self) -> None:
        while True:
            try:
                self._read()
            except httpx.HTTPError:
                gevent.sleep(_AGAIN_SECONDS)

    def _read(self) -> None:
        for place, event in self._api.ends(self._place):
            self._place = place
            if "state" in event:
                self._tell(event["id"], event["state"])

    def _tell(self, job_id: str, state: str) -> None:
        if job_id in self._awaited:
            self._awaited[job_id].set(state)
            return
        self._told[job_id] = state
        if len(self._told) > _KEPT:
            self._told.popitem(last=False)
