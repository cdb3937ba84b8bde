"""The notification system: a random number, appointments, and what was notified."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field, StrictInt, ValidationInfo, field_validator
from starlette.responses import Response  # noqa: TC002 - the framework reads it

from jobyard.orders import Order
from jobyard_api import __version__
from jobyard_api.access import needs
from jobyard_api.answers import answer
from jobyard_api.body import StrictRoute
from jobyard_api.principal import Scope
from jobyard_api.problem_types import Code
from jobyard_api.problems import documented
from jobyard_api.routes.classic.appointment import Appointment, orders_for
from jobyard_api.routes.dependencies import ThePrincipal, TheYard  # noqa: TC001
from jobyard_api.routes.jobs import ADMISSION_CODES, BODY_CODES

JOURNAL = "notifications"

router = APIRouter(tags=["classic"], route_class=StrictRoute)


class Range(BaseModel):
    """The numbers to draw between, both included."""

    lowest: StrictInt
    highest: StrictInt

    @field_validator("highest")
    @classmethod
    def _not_below(cls, value: int, info: ValidationInfo) -> int:
        if value < info.data.get("lowest", value):
            raise ValueError("must not be less than lowest")
        return value


class Welcome(BaseModel):
    """That the server runs, and where to go on."""

    message: str
    version: str
    docs: str
    dashboard: str


class Notifications(BaseModel):
    """The last notifications, oldest first."""

    notifications: list[str] = Field(examples=[["Notification at 2026-11-22 10:00:30"]])


class Accepted(BaseModel):
    """The job that was submitted."""

    success: bool
    job_id: str


class AppointmentAccepted(Accepted):
    """The job that was submitted, in words."""

    message: str


@router.get("/", operation_id="classic_root", response_model=Welcome)
@needs(classic=True)
async def root() -> Response:
    """Say that the server runs."""
    message = "Jobyard is running"
    return answer(Welcome(message=message, version=__version__, docs="/docs", dashboard="/rq"))


@router.get(
    "/notifications",
    operation_id="classic_notifications",
    response_model=Notifications,
    responses=documented(),
)
@needs(Scope.JOBS_READ, Scope.PAYLOADS_READ, classic=True)
async def notifications(yard: TheYard, principal: ThePrincipal) -> Response:
    """Read the last 1 000 notifications, in order of arrival."""
    return answer({"notifications": await yard.journal(JOURNAL, principal.tenant)})


@router.post(
    "/job",
    operation_id="classic_job",
    response_model=Accepted,
    responses=documented(*BODY_CODES, *ADMISSION_CODES, Code.UNKNOWN_TASK),
)
@needs(Scope.JOBS_WRITE, classic=True, audited=False)
async def random_number(request: Range, yard: TheYard, principal: ThePrincipal) -> Response:
    """Draw a random number between two."""
    order = Order(task="random_number", payload=request.model_dump())
    placed = await yard.place(order, principal.tenant)
    return answer({"success": True, "job_id": placed.id})


@router.post(
    "/schedule-appointment",
    operation_id="classic_schedule_appointment",
    response_model=AppointmentAccepted,
    responses=documented(*BODY_CODES, *ADMISSION_CODES, Code.UNKNOWN_TASK),
)
@needs(Scope.JOBS_WRITE, classic=True, audited=False)
async def schedule_appointment(
    request: Appointment, yard: TheYard, principal: ThePrincipal
) -> Response:
    """Record an appointment; a future one is notified at its time (UTC)."""
    placed = await yard.place_together(orders_for(request), principal.tenant)
    message = f"Appointment scheduled for {request.date} at {request.time}"
    found: dict[str, Any] = {"success": True, "job_id": placed[0].id, "message": message}
    return answer(found)
