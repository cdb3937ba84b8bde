"""Alerts on the store: whether it answers, takes writes, and keeps what it has."""

from __future__ import annotations

from monitoring.rule import Alert, Group, Severity

STORE = Group(
    "jobyard-store",
    (
        Alert(
            name="JobyardStoreDown",
            expression="max by (namespace) (jobyard_store_up) == 0",
            holds="1m",
            severity=Severity.CRITICAL,
            summary="The store does not answer.",
            description="No scheduler reaches it: nothing is submitted, started or settled.",
        ),
        Alert(
            name="JobyardStoreMemoryHigh",
            expression=(
                "max by (namespace) (jobyard_store_memory_bytes)\n"
                "/ on (namespace)\n"
                "(max by (namespace) (jobyard_store_memory_limit_bytes) > 0)\n"
                "> 0.85"
            ),
            holds="5m",
            severity=Severity.WARNING,
            summary="The store is {{ $value | humanizePercentage }} full.",
            description="At 100 % it refuses new jobs.",
        ),
        Alert(
            name="JobyardStoreRefusesWrites",
            expression=(
                "max by (namespace, reason) (\n"
                "  increase(jobyard_store_rejected_writes_total[5m])) > 0"
            ),
            holds="1m",
            severity=Severity.CRITICAL,
            summary="The store refuses writes ({{ $labels.reason }}).",
            description='{{ printf "%.0f" $value }} in 5 minutes; jobs are not accepted.',
        ),
        Alert(
            name="JobyardStoreEvicts",
            expression="max by (namespace) (increase(jobyard_store_evicted_keys_total[15m])) > 0",
            holds="1m",
            severity=Severity.CRITICAL,
            summary="The store throws keys away: jobs are lost.",
            description='{{ printf "%.0f" $value }} keys in 15 minutes. Its maxmemory-policy must '
            "be noeviction.",
        ),
    ),
)
