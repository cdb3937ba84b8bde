"""Jobs of the recorded task, and the pods of their pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.waiting import wait_for

if TYPE_CHECKING:
    from e2e.release import Release


def recorded(queue: str, seconds: float) -> dict[str, object]:
    """One job of the recorded task."""
    return {"task": "recorded", "queue": queue, "payload": {"seconds": round(seconds, 3)}}


def wait_for_replicas(release: Release, pool: str, wanted: int) -> None:
    """Waits until a pool has so many pods, and no other ones are on their way out."""

    def settled() -> bool:
        replicas: int = release.namespace.get("deployment", pool)["spec"]["replicas"]
        pods = [each["metadata"]["name"] for each in release.namespace.list("pods")]
        return replicas == wanted == sum(pool in name for name in pods)

    wait_for(settled, 300, interval_seconds=1)
