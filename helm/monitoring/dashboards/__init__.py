"""The six pages, one file each."""

from monitoring.dashboards.api import API
from monitoring.dashboards.overview import OVERVIEW
from monitoring.dashboards.queues import QUEUES
from monitoring.dashboards.scheduler import SCHEDULER
from monitoring.dashboards.tasks import TASKS
from monitoring.dashboards.workers import WORKERS

DASHBOARDS = (OVERVIEW, QUEUES, TASKS, WORKERS, API, SCHEDULER)

__all__ = ["DASHBOARDS"]
