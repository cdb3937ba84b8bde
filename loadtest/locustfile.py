"""What Locust loads: the users and the shape of one scenario, and where their records go.

`LOADLAB_SCENARIO` names the scenario (a name, a TOML or a JSON file), `LOADLAB_DIRECTORY` where the
records go (the master's, when Locust runs distributed). Without a shape, as under Locust's web UI
with `LOADLAB_SHAPE=no`, the number of users is the load: one arrival a second each.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from loadlab import scenario as scenarios
from loadlab.drive.run import ScenarioShape, listen
from loadlab.drive.users import users_of

SCENARIO = scenarios.load(os.environ.get("LOADLAB_SCENARIO", "default"), [])
BY_HAND = os.environ.get("LOADLAB_SHAPE") == "no"

ScenarioShape.scenario = SCENARIO
ScenarioShape.abstract = BY_HAND
listen(SCENARIO, Path(os.environ.get("LOADLAB_DIRECTORY", ".")), by_hand=BY_HAND)
globals().update({user.__name__: user for user in users_of(SCENARIO)})
