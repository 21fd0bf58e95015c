"""What is needed to make a run again, in words."""

from typing import Any

from agents.runs.config import TrainConfig
from melody_env import EnvironmentSpec

Facts = list[tuple[str, str]]
"""Names and what they are."""


def run_facts(record: dict[str, Any], environment: EnvironmentSpec) -> Facts:
    """Return what a run's `record`, its `config.json`, and its `environment` say of it, but for command and seed."""
    config = TrainConfig.saved(record)
    profile, setting = environment.profile, environment.setting
    packages = ", ".join(f"{name} {number}" for name, number in record.get("versions", {}).items())
    return [
        ("Tokens composed while learning", f"{config.total_timesteps:,}"),
        ("Reward", f"{profile.name}, c = {profile.c:g}: {', '.join(profile.rule_names)}"),
        (
            "Setting",
            f"{setting.key} {setting.mode}, {setting.meter}, {setting.steps} sixteenths, {setting.tempo:g} bpm",
        ),
        ("Note RNN", f"{config.prior}, weights {record.get('prior_checksum', 'unknown')[:12]}"),
        ("Software", f"Python {record.get('python', 'unknown')}, {packages}"),
    ]
