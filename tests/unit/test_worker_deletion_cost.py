"""The deletion cost of a worker's pod, told to a real HTTPS server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobyard.errors import ConfigurationError
from jobyard_worker.deletion_cost import DeletionCost, cost_of, is_news
from jobyard_worker.pod import Pod, PodNotAnnotatedError
from jobyard_worker.settings import WorkerSettings
from support.kube_api import KubeApi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def api(tmp_path: Path) -> Iterator[KubeApi]:
    with KubeApi(tmp_path) as api:
        yield api


class Telling:
    """A worker's cost on a clock of its own."""

    def __init__(self, api: KubeApi) -> None:
        self.now = 1000.0
        self.since: float | None = None
        self.cost = DeletionCost(pod_of(api), lambda: self.since, lambda: self.now)

    def after(self, seconds: float) -> None:
        """Looks once a second for so long."""
        for _ in range(int(seconds)):
            self.now += 1
            self.cost.turn()


def pod_of(api: KubeApi, name: str = "worker-7") -> Pod:
    return Pod("127.0.0.1", api.port, "jobs", name, api.credentials)


# ---------------------------------------------------------------- what it costs


@pytest.mark.parametrize(
    ("age", "cost"),
    [(None, 0), (0.0, 0), (9.9, 0), (10.0, 20), (61.5, 71), (10.0**9, 86_410)],
)
def test_an_idle_pod_costs_nothing_and_a_busy_one_as_much_as_its_job_is_old(
    age: float | None, cost: int
) -> None:
    assert cost_of(age) == cost


@given(st.lists(st.floats(10, 90_000), min_size=2, max_size=40))
def test_the_api_server_is_told_of_one_job_a_few_times_only(ages: list[float]) -> None:
    told, writes = 0, 0
    for age in sorted(ages):
        if is_news(told, cost_of(age)):
            told, writes = cost_of(age), writes + 1

    assert writes <= 14
    assert cost_of(max(ages)) < 2 * told


# ---------------------------------------------------------------- what is told


def test_the_pod_is_patched_with_the_mounted_token(api: KubeApi) -> None:
    pod_of(api).annotate("a/b", "1")
    api.give_token("second")
    pod_of(api).annotate("a/b", "2")

    first, second = api.patches
    assert first.path == "/api/v1/namespaces/jobs/pods/worker-7"
    assert first.kind == "application/merge-patch+json"
    assert first.body == {"metadata": {"annotations": {"a/b": "1"}}}
    assert (first.token, second.token) == ("first", "second")


def test_a_server_with_a_certificate_of_somebody_else_is_not_told(
    api: KubeApi, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = KubeApi(tmp_path / "other")
    (api.credentials / "ca.crt").write_bytes((other.credentials / "ca.crt").read_bytes())

    with other, pytest.raises(PodNotAnnotatedError, match="CERTIFICATE_VERIFY_FAILED"):
        pod_of(api).annotate("a/b", "1")

    assert not api.patches


def test_short_jobs_are_not_worth_a_word(api: KubeApi) -> None:
    telling = Telling(api)

    for _ in range(5):
        telling.since = telling.now
        telling.after(9)
        telling.since = None
        telling.after(2)

    assert api.costs == [0]


def test_a_long_job_is_told_as_it_grows_old_and_when_it_has_ended(api: KubeApi) -> None:
    telling = Telling(api)
    telling.after(1)

    telling.since = telling.now
    telling.after(100)
    telling.since = None
    telling.after(1)

    assert api.costs == [0, 20, 40, 80, 0]


def test_a_refusal_is_said_once_and_tried_again_later(
    api: KubeApi, capsys: pytest.CaptureFixture[str]
) -> None:
    telling = Telling(api)
    api.status = 403

    telling.after(200)
    refused = len(api.patches)
    api.status = 200
    telling.after(60)

    assert 3 <= refused <= 5
    assert len(api.patches) == refused + 1
    said = capsys.readouterr()
    assert (said.out + said.err).count("deletion_cost.not_told") == 1


def test_a_server_that_is_away_disturbs_nothing(tmp_path: Path) -> None:
    with KubeApi(tmp_path) as gone:
        telling = Telling(gone)

    telling.after(3)

    assert not gone.patches


def test_what_is_needed_for_it_is_named() -> None:
    with pytest.raises(ConfigurationError, match="POD_NAME, POD_NAMESPACE"):
        WorkerSettings.load(deletion_cost=True, _env_file=None)
