"""The HTTP server under the application: what a connection may do, and how the process ends.

``server`` runs uvicorn with ``connection`` as its protocol; ``watchman`` cuts who is too slow;
``drain`` is what everybody asks whether the end has begun.
"""

from __future__ import annotations

from jobyard_api.serving.drain import Drain
from jobyard_api.serving.server import Server, server_config

__all__ = ["Drain", "Server", "server_config"]
