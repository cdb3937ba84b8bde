"""A task with a package of its own, which its image brings (see ``Dockerfile`` beside it)."""

from __future__ import annotations

import humanize

from jobyard import task


@task
def readable_size(size_bytes: int) -> str:
    """A number of bytes as people write it."""
    return str(humanize.naturalsize(size_bytes))
