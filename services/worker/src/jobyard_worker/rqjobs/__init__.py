"""Jobs that plain RQ code enqueued: run with RQ's meaning, each in a child process of its own."""
