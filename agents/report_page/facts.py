"""Facts needed to reproduce a run, in words."""

from agents.runs.config import TrainConfig
from agents.runs.run_record import RunRecord
from melody_env import EnvironmentSpec, Setting

SHOWN = 26
"""Most forms that are named."""

Facts = list[tuple[str, str]]
"""Pairs of a name and a value."""


def run_facts(record: RunRecord, environment: EnvironmentSpec) -> Facts:
    """Return the facts of a run, except command and seed, from its `record` (`config.json`) and `environment`."""
    config = TrainConfig.saved(record)
    profile, setting = environment.profile, environment.setting
    packages = ", ".join(f"{name} {number}" for name, number in record.versions.items())
    return [
        ("Tokens composed during training", f"{config.total_timesteps:,}"),
        ("Reward", f"{profile.name}, c = {profile.c:g}: {', '.join(profile.rule_names)}"),
        (
            "Setting",
            f"{setting.key} {setting.mode}, {setting.meter}, {setting.steps} sixteenths, {setting.tempo:g} bpm"
            + (f", {_form(setting)}" if setting.form else "")
            + (f", chords {setting.chords}" if setting.chords else ""),
        ),
        ("Note RNN", f"{config.prior}, weights {record.prior_checksum[:12]}"),
        ("Software", f"Python {record.python}, {packages}"),
    ]


def _form(setting: Setting) -> str:
    names = {form.name for form in setting.forms}
    return f"form {setting.form}" if len(names) <= SHOWN else f"one of {len(names)} forms (in config.json)"
