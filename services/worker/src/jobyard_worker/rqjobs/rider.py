"""Runs deliveries of plain RQ code, each on a horse, and knows which run now."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from jobyard.errors import FunctionNotAllowedError, UnreadableJobError
from jobyard.observability.log_level import current_level
from jobyard.observability.logging import get_logger
from jobyard.store.data import PERFORM, PICKLE_REFUSED, function_of, is_pickled
from jobyard_worker.job_fields import fields_of
from jobyard_worker.outcome import describe
from jobyard_worker.rqjobs.ending import CANCELED, KILLED, STOPPED, Journey, ending_of
from jobyard_worker.rqjobs.functions import Functions
from jobyard_worker.rqjobs.horses import StableLostError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jobyard.store.records.delivery import Claimed, RQEnded
    from jobyard_worker.delivery import Delivery
    from jobyard_worker.rqjobs.horses import Horse, Stable
    from jobyard_worker.rqjobs.terms import Terms
    from jobyard_worker.rqjobs.webhooks import Courier

_log = get_logger(__name__)


class Rider:
    """Used by the slots of every executor; commands of RQ's clients come from another thread."""

    def __init__(
        self,
        stable: Stable,
        courier: Courier,
        terms: Terms,
        *,
        crash_budget: int,
        relay: Callable[[Sequence[Any]], object] = id,
    ) -> None:
        """``relay`` takes the spans that functions have made."""
        self._stable = stable
        self._courier = courier
        self._terms = terms
        self._functions = Functions(terms.functions)
        self._crash_budget = crash_budget
        self._relay = relay
        self._riding: dict[str, Horse] = {}
        self._lock = threading.Lock()

    def takes(self, job: Claimed) -> bool:
        """Whether the record is one for RQ's handlers: everything but a plain call of a task."""
        if job.task:
            return False
        if job.uses_rq or self._terms.serializer or is_pickled(job.data):
            return True
        return _function_of(job) not in ("", PERFORM)

    def run(self, delivery: Delivery) -> RQEnded:
        """Runs the job to its end, or to the end of its horse; never raises."""
        journey = Journey(delivery.job, time.monotonic())
        try:
            self._check(delivery.job)
            if delivery.is_canceled:
                journey.reason = CANCELED
            else:
                self._travel(delivery, journey)
        except (FunctionNotAllowedError, UnreadableJobError) as error:
            info = describe(error)
            plain = {"type": info.type, "message": info.message, "traceback": info.traceback}
            journey.last = {"kind": "failed", "error": plain}
        except StableLostError as error:
            journey.death = f"could not start: {error}"
        journey.ended = time.monotonic()
        if journey.reason == STOPPED and journey.last is None:
            self._call_back(delivery, journey)
        ending = ending_of(journey, crash_budget=self._crash_budget)
        delivery.after = self._courier.parcel(journey, ending)
        return ending

    def stop(self, job_id: str) -> bool:
        """RQ's stop command; False where no such job runs on a horse here."""
        with self._lock:
            horse = self._riding.get(job_id)
        if horse is None:
            return False
        horse.kill(STOPPED)
        return True

    def kill_all(self) -> None:
        """RQ's kill-horse command."""
        with self._lock:
            horses = list(self._riding.values())
        for horse in horses:
            horse.kill(KILLED)

    def _check(self, job: Claimed) -> None:
        """What can be told without a process; the horse looks at it all."""
        if self._terms.serializer:
            return
        if not is_pickled(job.data):
            self._functions.check_name(function_of(job.data))
        elif not self._terms.allow_pickle:
            raise UnreadableJobError(PICKLE_REFUSED)

    def _travel(self, delivery: Delivery, journey: Journey) -> None:
        with self._saddled(delivery) as horse:
            horse.tell(self._order(delivery, "job"))
            for message in horse.messages():
                if "kind" in message:
                    journey.last, horse.has_spoken = message, True
                    break
                self._note(message, horse, journey)
        delivery.task = journey.about.get("payload", {}).get("func_name") or delivery.task
        journey.reason, journey.death = horse.reason, horse.how_it_died()

    def _note(self, message: dict[str, Any], horse: Horse, journey: Journey) -> None:
        if "spans" in message:
            self._relay(message["spans"])
        if "limit_seconds" in message:
            horse.limit(message["limit_seconds"])
        journey.about = message.get("about", journey.about)

    @contextmanager
    def _saddled(self, delivery: Delivery) -> Iterator[Horse]:
        horse = self._stable.saddle()
        delivery.stop = horse.kill
        with self._lock:
            self._riding[delivery.job.id] = horse
        try:
            if delivery.is_canceled:
                horse.kill(CANCELED)
            yield horse
        finally:
            delivery.stop = None
            with self._lock:
                self._riding.pop(delivery.job.id, None)
            horse.end()

    def _call_back(self, delivery: Delivery, journey: Journey) -> None:
        """The stopped callback, on a horse of its own: RQ runs it in the worker."""
        if not journey.about.get("has_stopped_callback"):
            return
        try:
            with self._saddled(delivery) as horse:
                horse.limit(journey.about.get("stopped_callback_seconds"))
                horse.tell(self._order(delivery, "stopped"))
                last = next((word for word in horse.messages() if "kind" in word), {})
                horse.has_spoken = bool(last)
        except StableLostError:
            last = {}
        if last.get("kind") != "called":
            _log.warning("stopped_callback.failed", job_id=delivery.job.id, said=last.get("error"))

    def _order(self, delivery: Delivery, errand: str) -> bytes:
        job, trace = delivery.job, delivery.trace
        order = {
            "errand": errand,
            "id": job.id,
            "token": job.token,
            "queue": job.queue,
            "trace": trace.traceparent if trace else "",
            "terms": self._terms.as_dict(),
            "log": fields_of(delivery),
            "level": current_level(),
        }
        return to_json(order) + b"\n"


def _function_of(job: Claimed) -> str:
    """Empty where the record cannot be read: whoever runs tasks says how."""
    try:
        return function_of(job.data)
    except UnreadableJobError:
        return ""
