"""The queues that Jobyard is measured beside, one file each, at the settings that suit each best.

Each runs in an environment of its own (``../pyproject.toml``); ``run.py`` there is asked what it
is, to store jobs, and to measure the wait of single ones. A file of a peer has

* ``PACKAGES``: what it is made of, for the versions,
* ``COMMANDS``: how one worker process is started, the quickest way first,
* ``ENVIRONMENT``, where a setting has no other place,
* ``FINISHED``: the store's command whose reply says how many results are stored, or, with
  ``COUNTS_WAITING``, how many jobs are still without,
* ``SETTINGS``: what was chosen, and what was tried and is slower,
* ``submit(jobs)``: stores jobs that do nothing, and ``stamp()``: one that sends the clock.
"""
