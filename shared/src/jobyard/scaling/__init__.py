"""How many workers a pool needs, and the ways of HPA and KEDA to get there. Pure; time is given.

The scheduler's ``/autoscale/<pool>``, ``jobyard up --autoscale`` and the model behind ``jobyard
plan`` use this, and the chart's formula is tested against it.
"""

from jobyard.scaling.autoscaler import Autoscaler, Look
from jobyard.scaling.behavior import Behavior, Policy, Rules, Select
from jobyard.scaling.hpa import HorizontalAutoscaler
from jobyard.scaling.keda import Activation
from jobyard.scaling.pools import Pool, pools_from
from jobyard.scaling.signal import BUSY_SHARE, Load, backlog_per_slot, desired_workers, signal
from jobyard.scaling.terms import Terms

__all__ = [
    "BUSY_SHARE",
    "Activation",
    "Autoscaler",
    "Behavior",
    "HorizontalAutoscaler",
    "Load",
    "Look",
    "Policy",
    "Pool",
    "Rules",
    "Select",
    "Terms",
    "backlog_per_slot",
    "desired_workers",
    "pools_from",
    "signal",
]
