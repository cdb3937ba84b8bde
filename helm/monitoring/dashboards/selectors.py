"""What all dashboards select by: the variables at their top, as matchers of PromQL."""

from __future__ import annotations

from monitoring.dashboard import Variable
from monitoring.panel import Query

HERE = 'namespace=~"$namespace"'
QUEUE = f'{HERE}, queue=~"$queue"'
TASK = f'{QUEUE}, task=~"$task"'
POOL = f'{HERE}, pool=~"$pool"'

NAMESPACE_CHOICE = Variable("namespace", "jobyard_build_info", "namespace", "Namespace")
QUEUE_CHOICE = Variable("queue", f"jobyard_queue_jobs{{{HERE}}}", "queue", "Queue")
TASK_CHOICE = Variable("task", f"jobyard_jobs_completed_total{{{HERE}}}", "task", "Task")
POOL_CHOICE = Variable("pool", f"jobyard_pool_workers{{{HERE}}}", "pool", "Pool")


def jobs(state: str) -> str:
    """Jobs in these states by namespace, queue and state; every scheduler shows all of them."""
    return f'max by (namespace, queue, state) (jobyard_queue_jobs{{{QUEUE}, state=~"{state}"}})'


def completed(outcomes: str, by: str, within: str = QUEUE) -> str:
    """Attempts a second that ended so."""
    series = f'jobyard_jobs_completed_total{{{within}, outcome=~"{outcomes}"}}'
    return f"sum by ({by}) (rate({series}[$__rate_interval]))"


def completed_or_none(outcomes: str, by: str, within: str = QUEUE) -> str:
    """The same, and 0 for all else that ran: what never failed has no series of failures."""
    return f"{completed(outcomes, by, within)} or 0 * {completed('.+', by, within)}"


def quantile(share: float, metric: str, within: str, *by: str) -> str:
    """A quantile of a histogram, for each of the labels ``by``."""
    labels = ", ".join((*by, "le"))
    series = f"{metric}_bucket{{{within}}}"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({series}[$__rate_interval])))"


def quantiles(metric: str, within: str) -> tuple[Query, ...]:
    """The three that say how it usually is, and how bad it gets."""
    shares = ((0.5, "median"), (0.95, "95 %"), (0.99, "99 %"))
    return tuple(Query(quantile(share, metric, within), legend) for share, legend in shares)


def of_service(expression: str, service: str) -> str:
    """``expression`` of process metrics, for the processes of one service only."""
    is_one = f'jobyard_build_info{{{HERE}, service="{service}"}}'
    return f"{expression} * on (namespace, job, instance) group_left () {is_one}"
