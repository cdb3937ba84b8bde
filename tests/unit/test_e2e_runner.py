"""Without a cluster `make e2e` says that nothing was tested."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from e2e import __main__ as runner
from e2e import beside

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_without_a_cluster_it_is_skipped_and_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(beside, "SHARED", tmp_path)

    assert runner.main() == 0
    assert "skipped, nothing was tested" in capsys.readouterr().out


def test_a_cluster_that_does_not_start_is_skipped_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("up", "base-image"):
        (tmp_path / name).write_text("#!/bin/sh\necho no engine here >&2\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(beside, "SHARED", tmp_path)
    monkeypatch.setattr(os, "getuid", lambda: 0)

    assert runner.main() == 0
    assert "no engine here" in capsys.readouterr().out
