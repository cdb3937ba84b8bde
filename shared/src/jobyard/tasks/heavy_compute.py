"""Stands for heavy work; the job of ``POST /submit-job`` (classic: metadata)."""

from __future__ import annotations

import os
from typing import Any

from jobyard import Context, task


@task(timeout=900, result_ttl=3_600, failure_ttl=86_400)
def heavy_compute(ctx: Context, **payload: Any) -> dict[str, Any]:
    """Works for two seconds on any payload, then returns it with a summary of its keys."""
    ctx.sleep(float(os.environ.get("JOBYARD_HEAVY_COMPUTE_SECONDS", "2")))
    return {"echo": payload, "summary": f"Processed keys: {list(payload)}"}
