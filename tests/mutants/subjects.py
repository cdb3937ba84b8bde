"""What is broken, and the tests that are to notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """Files of the product, and the tests of them: patterns below ``src`` and ``tests``."""

    sources: tuple[str, ...]
    tests: tuple[str, ...]


SUBJECTS = {
    "payload": Subject(("jobyard/payload.py",), ("unit/test_payload.py", "unit/test_task.py")),
    "retry": Subject(("jobyard/retry.py",), ("unit/test_retry.py", "unit/test_worker_outcome.py")),
    "states": Subject(("jobyard/states.py",), ("unit/test_states.py",)),
    "queues": Subject(("jobyard/queues.py",), ("unit/test_queues.py",)),
    "scaling": Subject(("jobyard/scaling/*.py",), ("unit/test_scaling_*.py",)),
    "autoscale": Subject(
        ("jobyard_scheduler/autoscale.py", "jobyard_scheduler/loops/estimator.py"),
        ("store/test_autoscale.py",),
    ),
    "store-calls": Subject(
        tuple(
            f"jobyard/store/{name}.py"
            for name in (
                "calls",
                "encoding",
                "data",
                "apart",
                "oversight",
                "queue_sums",
                "move_calls",
                "scaling_calls",
                "scripts",
            )
        ),
        (
            *(
                f"store/test_{name}.py"
                for name in (
                    "submit",
                    "settle",
                    "settle_rq",
                    "claim",
                    "release",
                    "renew",
                    "reap",
                    "promote",
                    "cancel",
                    "prune",
                    "trim",
                    "fire",
                    "listing",
                    "read",
                    "unique",
                    "apart",
                    "loads",
                    "queue_oversight",
                    "worker_oversight",
                    "catalogue_and_journal",
                    "levels",
                    "moves_by_hand",
                    "admission",
                    "tenants",
                    "lanes",
                    "task_versions",
                )
            ),
            "unit/test_data.py",
        ),
    ),
    "store-reading": Subject(
        ("jobyard/store/reading/*.py", "jobyard/store/records/*.py"),
        tuple(
            f"store/test_{name}.py"
            for name in (
                "claim",
                "read",
                "listing",
                "settle",
                "release",
                "queue_oversight",
                "worker_oversight",
                "catalogue_and_journal",
                "task_versions",
                "too_new",
                "levels",
            )
        ),
    ),
    "store-events": Subject(
        (
            "jobyard/store/event*.py",
            "jobyard/store/following.py",
            "jobyard/store/levels.py",
            "jobyard/store/log_level_calls.py",
        ),
        (
            "store/test_event_streams.py",
            "store/test_levels.py",
            "store/test_log_levels.py",
            "unit/test_api_events.py",
        ),
    ),
    "store-front": Subject(
        ("jobyard/store/front.py", "jobyard/store/lines.py", "jobyard/store/standing.py"),
        ("store/test_outage.py", "store/test_standing.py", "store/test_doors.py"),
    ),
    "store-access": Subject(
        ("jobyard/store/access_*.py",), ("store/test_access.py", "unit/test_api_keys.py")
    ),
}
