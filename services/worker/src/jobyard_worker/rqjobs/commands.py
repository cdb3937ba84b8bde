"""Hears what RQ's clients tell this worker: stop a job, kill the horse, shut down."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

from jobyard.connection import BLOCK_SECONDS
from jobyard.observability.logging import get_logger
from jobyard.store import calls

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobyard.store import Store
    from jobyard_worker.rqjobs.rider import Rider

_log = get_logger(__name__)


class Commands:
    """A thread that is subscribed to the worker's channel, and again after every outage.

    What is published while nobody listens is lost, as with RQ; ``cancel`` of the API is not.
    """

    def __init__(self, store: Store, rider: Rider) -> None:
        self._store = store
        self._rider = rider
        self._ask_to_stop: Callable[[], object] = bool
        self._worker = ""
        self._has_name = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="commands", daemon=True)

    def start(self, ask_to_stop: Callable[[], None]) -> None:
        """Starts the thread; it ends with the process."""
        self._ask_to_stop = ask_to_stop
        self._thread.start()

    def listen_as(self, worker: str) -> None:
        """The worker's name under its newest lease."""
        self._worker = worker
        self._has_name.set()

    def _serve(self) -> None:
        self._has_name.wait()
        while True:
            try:
                self._listen(self._worker)
            except Exception as error:  # noqa: BLE001 - the thread outlives whatever the store does
                _log.debug("commands.deaf", reason=str(error))
                time.sleep(BLOCK_SECONDS)

    def _listen(self, worker: str) -> None:
        client: Any = self._store.client
        with client.pubsub(ignore_subscribe_messages=True) as channel:
            channel.subscribe(self._store.keys.commands(worker))
            while worker == self._worker:
                message = channel.get_message(timeout=BLOCK_SECONDS)
                if message is not None:
                    self._hear(message["data"])

    def _hear(self, data: bytes) -> None:
        try:
            command = json.loads(data)
            self._obey(command["command"], command)
        except Exception:  # noqa: BLE001 - anybody may publish anything
            _log.warning("command.unreadable", exc_info=True)

    def _obey(self, word: str, command: dict[str, Any]) -> None:
        _log.info("command.received", command=word, job_id=command.get("job_id", ""))
        match word:
            case "shutdown":
                self._ask_to_stop()
            case "kill-horse":
                self._rider.kill_all()
            case "stop-job" | "stop-execution":
                self._stop(str(command["job_id"]))
            case _:
                _log.warning("command.unknown", command=word)

    def _stop(self, job_id: str) -> None:
        """A job on a horse is stopped as RQ has it; one of our tasks is asked to cancel."""
        if not self._rider.stop(job_id):
            self._store.run(calls.cancel([job_id]))
