"""The record of a run, `config.json`: what was configured, and with which software."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RecordedEnvironment:
    """The environment of a run, as `EnvironmentSpec.as_record` wrote it."""

    profile: dict[str, Any]
    setting: dict[str, Any]


@dataclass(frozen=True)
class RunRecord:
    """`config.json`, also of version 0.1, which recorded no environment."""

    config: Mapping[str, Any] = field(default_factory=dict)
    """The options of the training; `TrainConfig.saved` gives them their types."""
    environment: RecordedEnvironment | None = None
    prior_checksum: str = "unknown"
    command: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    """Of the packages it was trained with."""
    python: str = "unknown"
    source: str = "The configuration"
    """The file, as errors quote it."""
