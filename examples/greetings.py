"""A task of your own: five lines in one file, and no other change.

Start the yard with it from the repository's root, then submit a job:

    JOBYARD_TASK_MODULES=examples.greetings jobyard up
    jobyard submit greet --payload '{"name": "Ada"}'
"""

from __future__ import annotations

from jobyard import task


@task(retry=(1, 2, 4))
def greet(name: str, greeting: str = "Hello") -> str:
    """Greets somebody by name."""
    return f"{greeting} {name}"
