"""Values that tests install the chart with."""

from __future__ import annotations

from typing import Any

from e2e.recording import URL

WORKER = "jobyard-worker-e2e"
"""The worker's image with ``image/recorded.py`` in it."""


def yard(host: str, **pools: Any) -> dict[str, Any]:
    """A yard behind an Ingress, with just these pools; each runs the recorded tasks."""
    return {
        "ingress": {"enabled": True, "host": host},
        "schedules": {"notifications": False},
        "pools": {"default": None, **pools},
        "poolDefaults": {
            "image": {"repository": WORKER},
            "extraEnv": [{"name": "RECORDED_LEDGER_URL", "value": URL}],
        },
    }


def scaled(queue: str, **autoscaling: Any) -> dict[str, Any]:
    """A pool that KEDA scales from zero and back, quicker than by default."""
    quick = {
        "cooldownSeconds": 20,
        "initialCooldownSeconds": 45,
        "scaleDownWindowSeconds": 15,
        "pollingSeconds": 2,
    }
    return {
        "queues": [queue],
        "maxJobSeconds": 60,
        "autoscaling": {"enabled": True, "maxReplicas": 8, **quick, **autoscaling},
    }
