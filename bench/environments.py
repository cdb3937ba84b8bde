"""Each peer's own environment, in the versions that ``uv.lock`` beside this file names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_SCRIPTS = Path(sys.executable).parent


def scripts_of(peer: str) -> Path:
    """The folder with the commands of ``peer``, installed if they are not. RQ is in ours."""
    if peer == "rq":
        return _SCRIPTS
    folder = _HERE / ".venvs" / peer
    subprocess.run(
        [
            _SCRIPTS / "uv", "sync", "--project", _HERE, "--locked", "--quiet",
            "--python", sys.executable, "--only-group", peer,
        ],
        env={**os.environ, "UV_PROJECT_ENVIRONMENT": str(folder), "UV_PYTHON_DOWNLOADS": "never"},
        check=True,
    )  # fmt: skip
    return folder / "bin"
