"""All rules, in the order in which they are evaluated."""

from monitoring.rules.jobs import JOBS
from monitoring.rules.processes import PROCESSES
from monitoring.rules.recording import RATIOS, RECORDING
from monitoring.rules.service_level import SERVICE_LEVEL
from monitoring.rules.store import STORE

GROUPS = (RECORDING, RATIOS, JOBS, PROCESSES, STORE, SERVICE_LEVEL)

__all__ = ["GROUPS"]
