"""Runs in a peer's environment: ``python -m peers.run <peer> describe|submit|wait <number>``."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import sys
from typing import TYPE_CHECKING

from peers.waits import waits

if TYPE_CHECKING:
    from types import ModuleType


def main() -> None:
    name, verb, number = sys.argv[1:]
    peer = importlib.import_module(f"peers.{name}")
    if verb == "describe":
        print(json.dumps(_describe(peer)))
    elif verb == "submit":
        peer.submit(int(number))
    else:
        print(json.dumps(waits(peer.stamp, int(number), os.environ["BENCH_CLOCK"])))


def _describe(peer: ModuleType) -> dict[str, object]:
    return {
        "versions": {name: importlib.metadata.version(name) for name in peer.PACKAGES},
        "commands": peer.COMMANDS,
        "environment": getattr(peer, "ENVIRONMENT", {}),
        "finished": peer.FINISHED,
        "counts_waiting": getattr(peer, "COUNTS_WAITING", False),
        "settings": " ".join(peer.SETTINGS.split()),
    }


if __name__ == "__main__":
    main()
