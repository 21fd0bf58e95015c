"""Writing reward profiles as YAML."""

from collections.abc import Sequence
from pathlib import Path

from melody_env.reward.profile import RewardProfile
from melody_env.setting import PAPER_SETTING
from note_rnn.common.atomic_files import write_text


def write_profile(profile: RewardProfile, out: Path, comments: Sequence[str]) -> None:
    """Write `profile` to the file `out` as YAML, under `comments`; raises OSError."""
    write_text(out, profile_text(profile, comments))


def profile_text(profile: RewardProfile, comments: Sequence[str]) -> str:
    """Return `profile` as YAML, with its weighted rules, under `comments`."""
    lines = [f"# {comment}" for comment in comments]
    lines += ["", f"c: {profile.c:g}", "log_prior: true", ""]
    changed = {
        name: value for name, value in profile.setting.as_dict().items() if value != getattr(PAPER_SETTING, name)
    }
    if changed:
        lines += ["setting:", *(f"  {name}: {_yaml(value)}" for name, value in changed.items()), ""]
    lines.append("rules:")
    for rule in profile.rules:
        settings = ", ".join(f"{name}: {value}" for name, value in {"weight": rule.weight, **rule.parameters}.items())
        lines.append(f"  {rule.name}: {{{settings}}}")
    return "\n".join(lines) + "\n"


def _yaml(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else f'"{value}"' if isinstance(value, str) else str(value)
