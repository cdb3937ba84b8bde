"""The ledger of a namespace: a server of its own that tasks write their runs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from e2e.servers import server
from support.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

    from e2e.kube import Namespace

URL = "redis://ledger:6379"


class Recording:
    """Starts the server and reads what it has."""

    def __init__(self, namespace: Namespace, image: str, folder: Path) -> None:
        """``folder``: where what was read is kept."""
        self._namespace, self._image, self._folder = namespace, image, folder

    def start(self) -> None:
        """Returns when it is ready."""
        self._namespace.apply(*server("ledger", self._image))
        self._namespace.kubectl("wait", "--for=condition=Ready", "pod/ledger", "--timeout=60s")

    def read(self) -> Ledger:
        """All that is on record by now."""
        lines = self._namespace.kubectl(
            "exec", "ledger", "--", "valkey-cli", "--raw", "lrange", "ledger", "0", "-1"
        )
        ledger = Ledger(self._folder / "ledger")
        ledger.path.write_text("".join(dict.fromkeys(lines.splitlines(keepends=True))))
        return ledger

    def clear(self) -> None:
        """Forgets all runs."""
        self._namespace.kubectl("exec", "ledger", "--", "valkey-cli", "flushall")
