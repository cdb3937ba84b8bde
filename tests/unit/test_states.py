"""The states of a job and RQ's words for them."""

from __future__ import annotations

from itertools import product

import pytest
from rq.job import JobStatus

from jobyard.states import TERMINAL, RQStatus, State, rq_status, state_of, statuses_of


def test_our_list_of_rqs_words_is_rqs_own() -> None:
    assert {status.value for status in RQStatus} == {status.value for status in JobStatus}


@pytest.mark.parametrize("status", RQStatus)
def test_a_status_is_found_by_rqs_word_for_it(status: RQStatus) -> None:
    assert rq_status(status.value) is status


def test_a_word_that_rq_does_not_know_is_no_status() -> None:
    assert rq_status("pondered") is None


@pytest.mark.parametrize(
    ("status", "attempts", "cancel", "state"),
    [
        (RQStatus.QUEUED, 0, False, State.QUEUED),
        (RQStatus.SCHEDULED, 0, False, State.SCHEDULED),
        (RQStatus.SCHEDULED, 1, False, State.RETRYING),
        (RQStatus.STARTED, 0, False, State.RUNNING),
        (RQStatus.STARTED, 0, True, State.CANCELING),
        (RQStatus.FINISHED, 1, False, State.SUCCEEDED),
        (RQStatus.FINISHED, 1, True, State.SUCCEEDED),
        (RQStatus.FAILED, 4, False, State.FAILED),
        (RQStatus.STOPPED, 0, True, State.CANCELED),
        (RQStatus.CANCELED, 0, True, State.CANCELED),
        (RQStatus.DEFERRED, 0, False, State.BLOCKED),
    ],
)
def test_a_status_is_shown_as_a_state(
    status: RQStatus, attempts: int, cancel: bool, state: State
) -> None:
    assert state_of(status, attempts=attempts, cancel=cancel) is state


@pytest.mark.parametrize(
    ("status", "state"),
    [(RQStatus.SCHEDULED, State.SCHEDULED), (RQStatus.STARTED, State.RUNNING)],
)
def test_a_job_is_neither_retried_nor_canceled_unless_that_is_said(
    status: RQStatus, state: State
) -> None:
    assert state_of(status) is state


@pytest.mark.parametrize(
    ("status", "state"),
    [(RQStatus.CANCELED, State.EXPIRED), (RQStatus.FINISHED, State.SUCCEEDED)],
)
def test_only_what_was_canceled_for_being_late_has_expired(status: RQStatus, state: State) -> None:
    assert state_of(status, expired=True) is state


@pytest.mark.parametrize(
    ("status", "attempts", "cancel"), list(product(RQStatus, (0, 1), (False, True)))
)
def test_a_state_finds_every_status_that_it_shows(
    status: RQStatus, attempts: int, cancel: bool
) -> None:
    state = state_of(status, attempts=attempts, cancel=cancel)

    assert status in statuses_of(state)


def test_what_has_ended_has_no_status_of_the_living() -> None:
    ended = {status for state in TERMINAL for status in statuses_of(state)}
    living = {status for state in set(State) - TERMINAL for status in statuses_of(state)}

    assert not ended & living
