"""NetworkPolicies let every real flow through, and no other."""

from __future__ import annotations

from typing import Any

import pytest

from support.chart import render
from support.chart_cases import CASES
from support.network import Peer, is_allowed

KEDA = {"pools": {"default": {"autoscaling": {"enabled": True}}}}
DNS = Peer(namespace="kube-system")
TRAEFIK = Peer(namespace="traefik")
KEDA_OPERATOR = Peer(namespace="keda")
PROMETHEUS = Peer(namespace="monitoring")
COLLECTOR = Peer(namespace="observability")
WORLD = Peer(address="203.0.113.7")
API_SERVER = Peer(address="192.0.2.1")
STRANGER = Peer({"app.kubernetes.io/name": "other"})


def part(component: str) -> Peer:
    return Peer(
        {
            "app.kubernetes.io/name": "jobyard",
            "app.kubernetes.io/instance": "yard",
            "app.kubernetes.io/component": component,
        }
    )


API, SCHEDULER, WORKER, STORE = map(part, ("api", "scheduler", "worker", "store"))
TEST, SECRET, PUBLISHER = part("test"), part("secret"), part("publish")


def passes(values: dict[str, Any], source: Peer, target: Peer, *port: Any) -> bool:
    return is_allowed(render(values).of("NetworkPolicy"), source, target, *port)


REAL = [
    (TRAEFIK, API, 8000),
    (TEST, API, 8000),
    (API, STORE, 6379),
    (WORKER, STORE, 6379),
    (SCHEDULER, STORE, 6379),
    (KEDA_OPERATOR, STORE, 6379),
    (PROMETHEUS, API, 9400),
    (PROMETHEUS, WORKER, 9401),
    (PROMETHEUS, SCHEDULER, 9402),
    (API, DNS, 53, "UDP"),
    (WORKER, DNS, 53, "UDP"),
    (SCHEDULER, DNS, 53, "UDP"),
    (PUBLISHER, STORE, 6379),
    (PUBLISHER, DNS, 53, "UDP"),
    (SECRET, WORLD, 6443),
    (WORKER, WORLD, 443),
]


@pytest.mark.parametrize("flow", REAL)
def test_a_real_flow_passes(flow: tuple[Any, ...]) -> None:
    assert passes(KEDA, *flow)


OTHERS = [
    (STRANGER, STORE, 6379),
    (TRAEFIK, STORE, 6379),
    (TEST, STORE, 6379),
    (STORE, WORLD, 443),
    (STORE, DNS, 53, "UDP"),
    (API, WORLD, 443),
    (SCHEDULER, WORLD, 443),
    (STRANGER, WORKER, 8000),
    (WORLD, WORKER, 9401),
    (STRANGER, SECRET, 8000),
    (STRANGER, PUBLISHER, 8000),
    (API, WORKER, 8000),
]


@pytest.mark.parametrize("flow", OTHERS)
def test_any_other_flow_is_stopped(flow: tuple[Any, ...]) -> None:
    assert not passes(KEDA, *flow)


def test_keda_is_let_in_only_where_it_scales() -> None:
    assert not passes({}, KEDA_OPERATOR, STORE, 6379)


@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        ((TRAEFIK, API, 8000), True),
        ((TEST, API, 8000), True),
        ((STRANGER, API, 8000), False),
        ((PROMETHEUS, WORKER, 9401), True),
        ((STRANGER, WORKER, 9401), False),
        ((API, COLLECTOR, 4318), True),
        ((WORKER, COLLECTOR, 4318), True),
        ((WORKER, WORLD, 443), True),
        ((WORKER, WORLD, 25), False),
        ((WORKER, API_SERVER, 6443), True),  # their deletion cost
    ],
)
def test_what_is_named_closes_all_else(flow: tuple[Any, ...], expected: bool) -> None:
    assert passes(CASES["everything"], *flow) is expected


@pytest.mark.parametrize(("address", "expected"), [("192.0.2.9", True), ("203.0.113.7", False)])
def test_an_external_store_is_reached_where_it_is(address: str, expected: bool) -> None:
    assert passes(CASES["external-tls"], API, Peer(address=address), 6380) is expected


def test_sentinels_and_what_they_name_are_reached() -> None:
    for port in (26379, 6379):
        assert passes(CASES["sentinel"], SCHEDULER, WORLD, port)


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [("http://otel:4318", 4318), ("https://otel.example/v1", 443), ("http://otel", 80)],
)
def test_traces_reach_their_collector_on_its_port(endpoint: str, port: int) -> None:
    assert passes({"tracing": {"endpoint": endpoint}}, SCHEDULER, WORLD, port)


def test_policies_can_be_left_to_others() -> None:
    assert not render({"networkPolicy": {"enabled": False}}).of("NetworkPolicy")
