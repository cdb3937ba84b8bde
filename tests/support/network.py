"""Says whether NetworkPolicies let a connection through, as the API's documentation defines it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from support.chart import Object

HERE = "jobs"


@dataclass(frozen=True, slots=True)
class Peer:
    """One end of a connection: a pod, or an address outside of the cluster."""

    labels: dict[str, str] = field(default_factory=dict)
    namespace: str = HERE
    address: str = ""


def is_allowed(
    policies: list[Object], source: Peer, target: Peer, port: int, protocol: str = "TCP"
) -> bool:
    """Whether both ends allow it; policies stand in the namespace ``jobs``."""
    ends = (("Egress", source, target), ("Ingress", target, source))
    return all(
        any(_names(rule, direction, other, port, protocol) for rule in rules)
        for direction, end, other in ends
        if (rules := _rules(policies, direction, end)) is not None
    )


def _rules(policies: list[Object], direction: str, end: Peer) -> list[Object] | None:
    """What the policies of one end name; None where there is no policy: everything passes."""
    bound = [
        each["spec"]
        for each in policies
        if direction in each["spec"]["policyTypes"] and _is_for(each["spec"]["podSelector"], end)
    ]
    return [rule for spec in bound for rule in spec.get(direction.lower(), [])] if bound else None


def _is_for(selector: Object, pod: Peer) -> bool:
    return pod.namespace == HERE and not pod.address and _selects(selector, pod.labels)


def _names(rule: Object, direction: str, other: Peer, port: int, protocol: str) -> bool:
    peers = rule.get("from" if direction == "Ingress" else "to")
    ports = rule.get("ports")
    fits = ports is None or any(
        each["port"] == port and each.get("protocol", "TCP") == protocol for each in ports
    )
    return fits and (peers is None or any(_is_peer(each, other) for each in peers))


def _is_peer(peer: Object, other: Peer) -> bool:
    if "ipBlock" in peer:
        network = ipaddress.ip_network(peer["ipBlock"]["cidr"])
        return bool(other.address) and ipaddress.ip_address(other.address) in network
    if other.address:
        return False
    if "namespaceSelector" in peer:
        named = {"kubernetes.io/metadata.name": other.namespace}
        if not _selects(peer["namespaceSelector"], named):
            return False
    elif other.namespace != HERE:
        return False
    return _selects(peer.get("podSelector", {}), other.labels)


def _selects(selector: Object, labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items()
    return all(labels.get(key) == value for key, value in wanted) and all(
        labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", [])
    )
