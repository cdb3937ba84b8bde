"""An appointment as its form gives it, and the jobs that come of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, StringConstraints

from jobyard.orders import Order


def _date(text: str) -> str:
    try:
        datetime.strptime(text, "%d-%m-%Y")  # noqa: DTZ007 - only asks whether there is such a day
    except ValueError:
        raise ValueError("there is no such day: use day-month-year, as in 12-09-2024") from None
    return text


def _time(text: str) -> str:
    try:
        datetime.strptime(text.upper().replace(" ", ""), "%I:%M%p")  # noqa: DTZ007 - as above
    except ValueError:
        raise ValueError("there is no such time on a 12-hour clock, as in 11:00 am") from None
    return text


Day = Annotated[str, StringConstraints(pattern=r"^\d{1,2}-\d{1,2}-\d{4}$"), AfterValidator(_date)]
Clock = Annotated[
    str, StringConstraints(pattern=r"^\d{1,2}:\d{2} ?[aApP][mM]$"), AfterValidator(_time)
]


class Appointment(BaseModel):
    """When, as day-month-year and a 12-hour clock in UTC, and what."""

    date: Day
    time: Clock
    description: Annotated[str, StringConstraints(max_length=2_000)]

    @property
    def at(self) -> datetime:
        """The time of the appointment."""
        text = f"{self.date} {self.time.upper().replace(' ', '')}"
        return datetime.strptime(text, "%d-%m-%Y %I:%M%p").replace(tzinfo=UTC)


def orders_for(appointment: Appointment) -> list[Order]:
    """The job that records it, and for a future one the notification at its time."""
    orders = [Order(task="schedule_appointment", payload=appointment.model_dump())]
    if appointment.at > datetime.now(UTC):
        message = {"message": f"appointment: {appointment.description}"[:2_000]}
        orders.append(Order(task="notification", payload=message, run_at=appointment.at))
    return orders
