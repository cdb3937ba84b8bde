"""The configuration of a Prometheus that scrapes one yard on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def configuration(targets: Path, rules: Path, interval: str, namespace: str = "") -> str:
    """YAML. ``targets`` is what ``jobyard up`` writes; ``interval`` is for scrapes and rules alike.

    ``namespace`` becomes the label that Kubernetes would bring.
    """
    named = [
        "    relabel_configs:",
        "      - target_label: namespace",
        f"        replacement: {namespace}",
    ]
    lines = [
        "global:",
        f"  scrape_interval: {interval}",
        f"  scrape_timeout: {interval}",
        f"  evaluation_interval: {interval}",
        f"rule_files: ['{rules}']",
        "scrape_configs:",
        "  - job_name: jobyard",
        "    file_sd_configs:",
        f"      - files: ['{targets}']",
        "        refresh_interval: 1s",  # a folder that is not there yet cannot be watched
        *(named if namespace else []),
    ]
    return "\n".join([*lines, ""])


def arguments(config: Path, data: Path, port: int) -> list[str]:
    """The command line after the program's name; it listens on this machine only."""
    return [
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=1d",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]
