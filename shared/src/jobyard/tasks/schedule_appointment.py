"""Records an appointment; the job of ``POST /schedule-appointment`` (classic: notifications)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from jobyard import Context, Payload, task


def _in_calendar(date: str) -> str:
    return _checked(date, "%d-%m-%Y", "day-month-year, as in 12-09-2024")


def _on_clock(time: str) -> str:
    return _checked(time, "%I:%M %p", "a 12-hour time, as in 11:00 am")


def _checked(text: str, form: str, said: str) -> str:
    try:
        datetime.strptime(text, form)  # noqa: DTZ007 - only its shape is of interest
    except ValueError:
        raise ValueError(f"{text!r} is not {said}") from None
    return text


class Appointment(Payload):
    """What is to be remembered, and when."""

    date: Annotated[
        str,
        Field(pattern=r"^[0-9]{1,2}-[0-9]{1,2}-[0-9]{4}$", examples=["31-01-2030"]),
        AfterValidator(_in_calendar),
    ]
    time: Annotated[
        str,
        Field(pattern=r"^[0-9]{1,2}:[0-9]{2} ?[aApP][mM]$", examples=["11:00 am"]),
        AfterValidator(_on_clock),
    ]
    description: Annotated[str, Field(max_length=2_000)]


@task(queue="notifications", result_ttl=500)
def schedule_appointment(ctx: Context, appointment: Appointment) -> Appointment:
    """Writes an appointment into the journal of appointments and returns it."""
    line = f"{appointment.date} {appointment.time}: {appointment.description}"
    ctx.journal("appointments", line)
    return appointment
