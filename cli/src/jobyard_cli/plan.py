"""`jobyard plan`: the settings of a pool for what is expected of it, and what to expect of them."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003 - typer reads it
from typing import Annotated

import typer

from jobyard.errors import ConfigurationError
from jobyard.scaling import Pool
from jobyard_cli.model.advice import Pattern, Plan, Spread, Wish, plan_for
from jobyard_cli.model.quantities import rate_of, seconds_of

_MOST_RATE = 2_000.0
_BUSY_CORE = 0.8


def plan(
    arrival: Annotated[str, typer.Option(help="Jobs that come on average: 50/s, 3000/min.")] = "",
    job: Annotated[str, typer.Option(help="How long one runs on average: 500ms, 2s, 5m.")] = "1s",
    target_wait: Annotated[
        str, typer.Option(help="How long 95 % of them may wait for their start.")
    ] = "30s",
    *,
    pattern: Annotated[Pattern, typer.Option(help="How they come.")] = "bursts",
    peak: Annotated[float, typer.Option(min=1.0, help="Highest rate ÷ average.")] = 3.0,
    trace: Annotated[
        Path | None,
        typer.Option(help="File of arrival times, seconds a line, instead of rate and pattern."),
    ] = None,
    spread: Annotated[Spread, typer.Option(help="How different jobs are.")] = "exponential",
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Slots of a worker; else from --cpu-share.")
    ] = None,
    cpu_share: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="Part of its time that a job computes.")
    ] = 0.1,
    startup: Annotated[str, typer.Option(help="From wanting a pod to its first job.")] = "10s",
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Recommend a pool's settings for a load, from a model of KEDA, HPA and workers."""
    arrivals = _arrivals_of(trace)
    try:
        wish = Wish(
            rate=_rate(arrival, arrivals),
            job_seconds=seconds_of(job),
            target_seconds=seconds_of(target_wait),
            pattern=pattern,
            peak=peak,
            spread=spread,
            concurrency=concurrency or max(1, int(_BUSY_CORE / cpu_share)),
            startup_seconds=seconds_of(startup),
            arrivals=arrivals,
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    found = plan_for(wish)
    typer.echo(json.dumps(_settings(found), indent=2) if as_json else _text(wish, found))


def _arrivals_of(trace: Path | None) -> list[float]:
    if trace is None:
        return []
    try:
        arrivals = sorted(map(float, trace.read_text().split()))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"--trace {trace}: {error}") from None
    if len(arrivals) < 2 or arrivals[0] == arrivals[-1]:  # noqa: PLR2004 - a beginning and an end
        raise ConfigurationError(f"--trace {trace}: needs at least two different times")
    return arrivals


def _rate(arrival: str, arrivals: list[float]) -> float:
    if arrivals:
        return len(arrivals) / (arrivals[-1] - arrivals[0])
    if not arrival:
        raise ValueError("say how many jobs come: --arrival 50/s, or --trace FILE")
    rate = rate_of(arrival)
    if rate > _MOST_RATE:
        raise ValueError(
            f"--arrival {arrival}: the model goes to {_MOST_RATE:g}/s; plan for a tenth of the "
            "load and take ten times the workers"
        )
    return rate


def _settings(plan: Plan) -> dict[str, object]:
    """The chart's names, and what is expected."""
    outcome = plan.outcome
    return {
        "concurrency": plan.concurrency,
        "autoscaling": {
            "minReplicas": plan.terms.minimum,
            "maxReplicas": plan.terms.maximum,
            "latencyTargetSeconds": round(plan.latency_target_seconds, 1),
            "meanJobSeconds": round(plan.workload.mean_job_seconds, 3),
            "cooldownSeconds": round(plan.terms.cooldown_seconds),
            "scaleDownWindowSeconds": round(plan.terms.behavior.down.window_seconds),
        },
        "expected": {
            "waitSeconds": {
                name: round(outcome.wait(share), 2)
                for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
            },
            "meetsTarget": plan.meets_target,
            "podMinutesAnHour": round(plan.pod_minutes_an_hour, 1),
            "mostPods": outcome.most,
            "changesAnHour": round(plan.changes_an_hour, 1),
            "podsStoppedWithWork": outcome.stopped_busy,
            "podsKilledWithWork": outcome.killed,
        },
    }


def _text(wish: Wish, plan: Plan) -> str:
    pool = f"JOBYARD_POOLS='[{_pool(plan).model_dump_json(by_alias=True)}]'"
    advice = [] if plan.meets_target else [_NOT_MET]
    return "\n".join([_head(wish), "", *_rows(plan), "", *_expected(wish, plan), *advice, "", pool])


_NOT_MET = (
    "The target is not met by any settings tried: workers start too late for it. Keep more of them "
    "at the least, or allow a longer wait."
)


def _head(wish: Wish) -> str:
    peak = "" if wish.pattern == "steady" else f", peak {wish.peak:g} times as many"
    pattern = "as recorded" if wish.arrivals else f"{wish.pattern}{peak}"
    return (
        f"For {wish.rate:g} jobs/s ({pattern}) of {wish.job_seconds:g} s, 95 % started within "
        f"{wish.target_seconds:g} s:"
    )


def _rows(plan: Plan) -> list[str]:
    terms = plan.terms
    rows = {
        "concurrency": f"{plan.concurrency}",
        "minReplicas": f"{terms.minimum}",
        "maxReplicas": f"{terms.maximum}",
        "latencyTargetSeconds": f"{plan.latency_target_seconds:.3g}   (B = {plan.backlog:.3g})",
        "meanJobSeconds": f"{plan.workload.mean_job_seconds:.3g}",
        "cooldownSeconds": f"{terms.cooldown_seconds:g}",
        "scaleDownWindowSeconds": f"{terms.behavior.down.window_seconds:g}",
    }
    return [f"  {name:<23} {value}" for name, value in rows.items()]


def _expected(wish: Wish, plan: Plan) -> list[str]:
    outcome, most = plan.outcome, plan.outcome.most
    jobs, minutes = len(plan.workload.arrivals), plan.workload.seconds / 60
    p50, p95, p99 = map(outcome.wait, (0.5, 0.95, 0.99))
    ready = f"a worker is there {wish.startup_seconds:g} s after it is wanted"
    return [
        f"Wait      p50 {p50:.1f} s, p95 {p95:.1f} s, p99 {p99:.1f} s",
        f"Cost      {plan.pod_minutes_an_hour:.0f} pod-minutes an hour, at most {most} pods",
        f"Changes   {plan.changes_an_hour:.0f} an hour",
        f"Modelled  {jobs} jobs in {minutes:.0f} minutes; {ready}",
    ]


def _pool(plan: Plan) -> Pool:
    return Pool(
        name="default",
        queues=("default",),
        concurrency=plan.concurrency,
        latency_target_seconds=round(plan.latency_target_seconds, 1),
        mean_job_seconds=round(plan.workload.mean_job_seconds, 3),
        min=plan.terms.minimum,
        max=plan.terms.maximum,
    )
