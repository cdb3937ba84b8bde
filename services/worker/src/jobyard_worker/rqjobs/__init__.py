"""Jobs that plain RQ code enqueued: run with RQ's meaning, each in a child process of its own."""

import jobyard.connection  # noqa: F401 - before RQ imports the client, and that more than it needs
