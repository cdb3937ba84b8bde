"""The API: its service level, its routes, what it refuses."""

from __future__ import annotations

from monitoring.dashboard import Dashboard, Row, Variable
from monitoring.dashboards.selectors import HERE, NAMESPACE_CHOICE, of_service, quantile, quantiles
from monitoring.panel import Colour, Kind, Panel, Query, Unit

_ROUTE = f'{HERE}, route=~"$route"'
_SUBMISSIONS = f'{HERE}, method="POST", route="/v1/jobs"'


def _requests(by: str) -> str:
    return f"sum by ({by}) (rate(jobyard_http_requests_total{{{_ROUTE}}}[$__rate_interval]))"


def _burn(record: str, budget: float) -> tuple[Query, ...]:
    """How many times faster than allowed the budget is used, over two windows."""
    return tuple(
        Query(f"max({record}{window}{{{HERE}}}) / {budget:g}", f"over {window}")
        for window in ("1h", "6h")
    )


_LEVEL = Row(
    "What we promise: 99.9 % without an error of ours, 99 % of submissions within 250 ms",
    (
        Panel(
            title="Answers without an error of ours",
            description="Share of the answers below 500, over the last hour.",
            kind=Kind.STAT,
            unit=Unit.SHARE,
            queries=(Query(f"1 - max(jobyard:http_errors:ratio_rate1h{{{HERE}}})", "last hour"),),
            start=Colour.BAD,
            steps=((0.99, Colour.LOOK), (0.999, Colour.GOOD)),
            most=1,
            width=6,
            height=7,
        ),
        Panel(
            title="Submissions within 250 ms",
            description="Share of POST /v1/jobs, over the last hour. Those that wait for a result "
            "(Prefer: wait) count, too, and are slow on purpose.",
            kind=Kind.STAT,
            unit=Unit.SHARE,
            queries=(
                Query(f"1 - max(jobyard:slow_submissions:ratio_rate1h{{{HERE}}})", "last hour"),
            ),
            start=Colour.BAD,
            steps=((0.9, Colour.LOOK), (0.99, Colour.GOOD)),
            most=1,
            width=6,
            height=7,
        ),
        Panel(
            title="Burn of the error budget",
            description="1 uses up the budget in 30 days; the alerts fire at 14.4 (1 h), 6 (6 h) "
            "and 1 (3 d).",
            queries=_burn("jobyard:http_errors:ratio_rate", 0.001),
            steps=((1, Colour.LOOK), (14.4, Colour.BAD)),
            width=6,
            height=7,
        ),
        Panel(
            title="Burn of the latency budget",
            description="The same for submissions that take longer than 250 ms.",
            queries=_burn("jobyard:slow_submissions:ratio_rate", 0.01),
            steps=((1, Colour.LOOK), (14.4, Colour.BAD)),
            width=6,
            height=7,
        ),
    ),
)

_TRAFFIC = Row(
    "Traffic",
    (
        Panel(
            title="Requests by status",
            description="Answers a second; 0 is a client that went away before the answer.",
            unit=Unit.REQUESTS,
            queries=(Query(_requests("status"), "{{status}}"),),
            is_stacked=True,
        ),
        Panel(
            title="Requests by route",
            description="Answers a second; the empty route is a path that there is not.",
            unit=Unit.REQUESTS,
            queries=(Query(_requests("method, route"), "{{method}} {{route}}"),),
            is_stacked=True,
        ),
        Panel(
            title="Problems",
            description="Answers that are problems, by code; docs/errors explains each.",
            unit=Unit.REQUESTS,
            queries=(
                Query(
                    "sum by (code) (rate(jobyard_http_problems_total"
                    f"{{{HERE}}}[$__rate_interval])) or on () vector(0)",
                    "{{code}}",
                ),
            ),
        ),
        Panel(
            title="Time of an answer",
            description="From a request's headers to the end of its answer, of the chosen routes "
            "together. Streams of events count as long as they are open.",
            unit=Unit.SECONDS,
            queries=quantiles("jobyard_http_request_seconds", _ROUTE),
        ),
        Panel(
            title="Time of a submission",
            description="POST /v1/jobs.",
            unit=Unit.SECONDS,
            queries=quantiles("jobyard_http_request_seconds", _SUBMISSIONS),
            steps=((0.25, Colour.BAD),),
        ),
        Panel(
            title="Time by route, 95 %",
            description="95 of 100 answers were complete within that time.",
            unit=Unit.SECONDS,
            queries=(
                Query(
                    quantile(0.95, "jobyard_http_request_seconds", _ROUTE, "method", "route"),
                    "{{method}} {{route}}",
                ),
            ),
        ),
    ),
)

_PROCESSES = Row(
    "Processes",
    (
        Panel(
            title="Under way",
            description="Requests whose answer is not complete, and open streams of events.",
            queries=(
                Query(f"sum(jobyard_http_requests_under_way{{{HERE}}})", "requests"),
                Query(f"sum(jobyard_event_clients{{{HERE}}})", "streams"),
            ),
        ),
        Panel(
            title="Processor",
            description="Processor seconds a second of each API process. Near 1 it is full: start "
            "another.",
            unit=Unit.CORES,
            queries=(
                Query(
                    of_service(
                        f"rate(process_cpu_seconds_total{{{HERE}}}[$__rate_interval])", "api"
                    ),
                    "{{instance}}",
                ),
            ),
            steps=((0.8, Colour.LOOK),),
        ),
        Panel(
            title="Memory",
            description="Resident memory of each API process.",
            unit=Unit.BYTES,
            queries=(
                Query(
                    of_service(f"process_resident_memory_bytes{{{HERE}}}", "api"), "{{instance}}"
                ),
            ),
        ),
    ),
)

API = Dashboard(
    name="api",
    title="API",
    description="The service level of the API, its routes, and what it refuses.",
    variables=(
        NAMESPACE_CHOICE,
        Variable("route", f"jobyard_http_requests_total{{{HERE}}}", "route", "Route"),
    ),
    rows=(_LEVEL, _TRAFFIC, _PROCESSES),
)
