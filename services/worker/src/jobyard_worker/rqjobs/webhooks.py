"""The courier: sends RQ's webhooks, after the store has the outcome and not before."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from jobyard.observability.logging import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.store.records.delivery import RQEnded
    from jobyard_worker.rqjobs.ending import Journey

_log = get_logger(__name__)

_STATUSES = {"succeeded": "finished", "failed": "failed"}
"""The two states that RQ sends webhooks for."""


class Courier:
    """One thread, started with the first webhook. An error is logged, and that is it, as in RQ."""

    def __init__(self) -> None:
        self._parcels: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_closing = threading.Event()

    def parcel(self, journey: Journey, ending: RQEnded) -> Callable[[], None] | None:
        """What to call once the ending is stored; None where nobody wants to hear of it."""
        status = _STATUSES.get("failed" if _is_last_crash(journey, ending) else ending.kind)
        hooks = [hook for hook in journey.about.get("webhooks", ()) if hook["job_status"] == status]
        if not hooks:
            return None
        payload = {
            **journey.about["payload"],
            "status": status,
            "ended_at": datetime.now(UTC).isoformat(),
        }
        if status == "failed":
            payload["exc_info"] = ending.error.traceback if ending.error else ""
        return lambda: self._accept([{**hook, "payload": payload} for hook in hooks])

    def close(self, seconds: float) -> None:
        """Waits for what is on its way, for at most ``seconds``."""
        self._is_closing.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _accept(self, parcels: list[dict[str, Any]]) -> None:
        for parcel in parcels:
            self._parcels.put(parcel)
        if self._thread is None:
            self._thread = threading.Thread(target=self._carry, name="courier", daemon=True)
            self._thread.start()

    def _carry(self) -> None:
        while True:
            try:
                parcel = self._parcels.get(timeout=0.2)
            except Empty:
                if self._is_closing.is_set():
                    return
                continue
            self._send(parcel)

    def _send(self, parcel: dict[str, Any]) -> None:
        try:
            _deliver(parcel)
        except Exception as error:  # noqa: BLE001 - whatever the network does, the job is done
            job_id = parcel["payload"]["job_id"]
            _log.warning("webhook.failed", job_id=job_id, url=parcel["url"], reason=str(error))


def _is_last_crash(journey: Journey, ending: RQEnded) -> bool:
    """Whether the store makes a dead letter of it."""
    return ending.kind == "crashed" and journey.about.get("crashes", 0) + 1 >= ending.budget


def _deliver(parcel: dict[str, Any]) -> None:
    from urllib.request import Request, build_opener  # noqa: PLC0415 - most workers never need it

    headers, body = dict(parcel.get("headers") or {}), None
    if parcel["method"] == "POST":
        headers = {"Content-Type": "application/json", **headers}
        body = json.dumps(parcel["payload"]).encode()
    request = Request(parcel["url"], data=body, headers=headers, method=parcel["method"])  # noqa: S310 - RQ checked the scheme
    with build_opener(_no_redirects()).open(request, timeout=parcel["timeout"]):
        pass


def _no_redirects() -> Any:
    """RQ follows a receiver to wherever it points, with the whole traceback; we do not."""
    from urllib.request import HTTPRedirectHandler  # noqa: PLC0415 - as above

    class Refuses(HTTPRedirectHandler):
        def redirect_request(  # type: ignore[explicit-override]  # typing.override comes with 3.12
            self, *_: Any
        ) -> None:
            return None

    return Refuses
