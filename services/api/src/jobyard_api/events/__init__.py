"""How changes of jobs reach those who wait: one hub a process, streams and waits over it."""
