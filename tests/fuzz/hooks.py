"""What schemathesis does here beside its own: no long waits, and a reason for each refusal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import schemathesis

if TYPE_CHECKING:
    from schemathesis import Case, HookContext, Response
    from schemathesis.checks import CheckContext

REASONS = frozenset(
    {
        "unknown-task",  # is a matter of the store
        "unknown-queue",
        "classic-unknown-task",
        "invalid-payload",
        "unsafe-json",  # JSON Schema knows no 64 bits, and no surrogates
        "idempotency-conflict",
        "payload-too-large",
    }
)

RULES = re.compile(
    r"give delay_seconds or run_at, not both"
    r"|give either delay_seconds or run_at"
    r"|expires_at must be later than run_at"
    r"|need max_retries above 0"
    r"|delays_seconds with max_retries 0"
    r"|is more than ten years ahead"
    r"|is before 1970"
    r"|is past"
    r"|page_token is not one that this API gave"
    r"|is not the id of an event of this API"
    r"|to purge the queue say its name"
    r"|must not be less than lowest"
    r"|there is no such (day|time)"
    r"|is not a valid email address"
    r"|should be a valid integer"  # 1.0, which JSON Schema takes for one
    r"|should be a valid datetime"  # as in 2000-01-01T00:00:60Z
    r"|should have timezone info"
    r"|is not a class of exceptions"
)
"""What pydantic and the routes check beyond the schemas."""


_LONG_WAIT = re.compile(r"[0-9]{1,6}(s|m)?|PT[0-9]{1,6}[SM]")


@schemathesis.hook
def before_call(_: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Waits for no job for long: most of those that are made up run in ten years."""
    wait = case.query.get("wait")
    if isinstance(wait, str) and _LONG_WAIT.fullmatch(wait):
        case.query["wait"] = "100ms"
    if str(case.headers.get("Prefer", "")).startswith("wait="):
        case.headers["Prefer"] = "wait=1"


@schemathesis.check
def refused_for_a_reason(_: CheckContext, response: Response, case: Case[Any]) -> bool | None:
    """A request that fits the schema is refused for a reason that no schema says."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return None
    if response.status_code not in {400, 422}:
        return None
    problem = response.json()
    if problem["code"] in REASONS:
        return None
    unexplained = [error for error in problem["errors"] if not RULES.search(error["detail"])]
    assert problem["code"] == "invalid-request", problem["detail"]
    assert unexplained == [], _shown(unexplained)
    return None


def _shown(errors: list[dict[str, Any]]) -> str:
    return "; ".join(str(error) for error in errors)
