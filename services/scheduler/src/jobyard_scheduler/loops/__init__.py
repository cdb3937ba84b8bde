"""The scheduler's loops. Each may run in any number of schedulers; nothing happens twice."""
