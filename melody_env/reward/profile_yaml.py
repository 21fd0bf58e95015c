"""Reward profiles as YAML files: shipped ones and a user's own, read and written."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from melody_env.reward.plugins import RuleError, is_code, time_of_change
from melody_env.reward.profile import (
    BUILT_IN_RULES,
    NamedMask,
    ProfileError,
    RewardProfile,
    WeightedRule,
    check_keys,
    check_mapping,
)
from melody_env.reward.rules import MASKS
from melody_env.setting import PAPER_SETTING, Setting, SettingError
from note_rnn.common.atomic_files import write_text
from note_rnn.common.data_files import DataError, is_file, parse_yaml, read_text, user_path
from note_rnn.common.plain_text import shown

_SHIPPED = Path(__file__).parent / "profiles"


def load_profile(source: str | Path | RewardProfile, trust_code: bool = True) -> RewardProfile:
    """Return the profile `source`: the name of a shipped one ("paper"), a YAML file, or a profile itself.

    Rule files (.py) that a YAML file names are code; without `trust_code` they are refused. Raises ProfileError, which
    names the file and the key, for a missing or invalid profile, RuleError for a rule file that cannot be loaded.
    """
    if isinstance(source, RewardProfile):
        return source
    path = profile_path(source)
    try:
        text = read_text(path)
    except (OSError, DataError) as error:
        names = ", ".join(sorted(file.stem for file in _SHIPPED.glob("*.yaml")))
        raise ProfileError(f"No reward profile {source}: give the path of a YAML file, or one of: {names}.") from error
    try:
        data = parse_yaml(text)
    except DataError as error:
        raise ProfileError(f"Reward profile {source} cannot be used: {error}.") from error
    return parse_profile(data, str(source), path.parent, trust_code)


def profile_path(source: str | Path) -> Path:
    """Return the file of the shipped profile named `source`, or else `source` as an absolute path."""
    shipped = _SHIPPED / f"{source}.yaml"
    return shipped if is_file(shipped) else user_path(source).resolve()


def parse_profile(data: Any, name: str, folder: Path = Path(), trust_code: bool = True) -> RewardProfile:
    """Return the profile in `data`, what a YAML file or `RewardProfile.as_record` holds; raises ProfileError.

    `name` is quoted by errors; paths of rule files are relative to `folder`. These files are code: without `trust_code`
    a profile that names one is refused by a RuleError, as is one whose files are missing.
    """
    settings = dict(check_keys(data, ("c", "log_prior", "rules", "setting", "masks", "adversary"), name, "at the top"))
    if "setting" in settings:
        settings["setting"] = _parse_setting(settings["setting"], name)
    rules = _parse_items(settings.pop("rules", {}), "rules", BUILT_IN_RULES, name, folder)
    masks = _parse_items(settings.pop("masks", {}), "masks", MASKS, name, folder)
    files = dict.fromkeys(file for *_, file in (*rules, *masks) if file is not None)
    for file in files:
        time_of_change(file)
    code = [str(file) for file in files if is_code(file)]
    if code and not trust_code:
        raise RuleError(
            f"Reward profile {name} has rules in {', '.join(code)}, and a Python file is code: read it and, "
            "if you trust it, allow it with --trust-code (trust_code=True in Python)."
        )
    return RewardProfile(
        name,
        tuple(WeightedRule(rule, parameters.pop("weight", 1.0), parameters, file) for rule, parameters, file in rules),
        masks=tuple(NamedMask(mask, parameters, file) for mask, parameters, file in masks),
        **settings,
    )


def _parse_setting(data: Any, name: str) -> Setting:
    changes = check_keys(data, PAPER_SETTING.as_dict(), name, "under 'setting'")
    try:
        return PAPER_SETTING.changed(**changes)
    except SettingError as error:
        raise ProfileError(f"Reward profile {name}: under 'setting', {error}") from error


def _parse_items(
    data: Any, section: str, built_in: Iterable[str], name: str, folder: Path
) -> list[tuple[str, dict[str, Any], Path | None]]:
    """Return the name, parameters and file of each rule or mask in `data`; files are relative to `folder`."""
    items = []
    for item, settings in check_mapping(data, name, f"under {section!r}").items():
        parameters = dict(check_mapping(settings, name, f"under {item!r}"))
        file = parameters.pop("file", None)
        if file is None:
            check_keys({item: parameters}, built_in, name, f"under {section!r}")
        elif not isinstance(file, str):
            raise ProfileError(f"Reward profile {name}: 'file' under {item!r} must be a path, not {shown(file)}.")
        path = None if file is None else (folder / user_path(file)).resolve()
        items.append((item, parameters, path))
    return items


def write_profile(profile: RewardProfile, out: Path, comments: Sequence[str]) -> None:
    """Write `profile` to the file `out` as YAML, under `comments`; raises OSError."""
    write_text(out, profile_text(profile, comments, out.resolve().parent))


def profile_text(profile: RewardProfile, comments: Sequence[str], folder: Path | None = None) -> str:
    """Return `profile` as YAML, with its weighted rules, under `comments`; files in `folder` by their names alone."""
    lines = [f"# {comment}" for comment in comments]
    lines += ["", f"c: {profile.c:g}", "log_prior: true", ""]
    changed = {
        name: value for name, value in profile.setting.as_dict().items() if value != getattr(PAPER_SETTING, name)
    }
    if changed:
        lines += ["setting:", *(f"  {name}: {_yaml(value)}" for name, value in changed.items()), ""]
    lines.append("rules:")
    for rule in profile.rules:
        settings = [f"{name}: {value}" for name, value in {"weight": rule.weight, **rule.parameters}.items()]
        if rule.file is not None:
            file = rule.file.name if rule.file.parent == folder else str(rule.file)
            settings.insert(0, f"file: {json.dumps(file)}")
        lines.append(f"  {rule.name}: {{{', '.join(settings)}}}")
    return "\n".join(lines) + "\n"


def _yaml(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else f'"{value}"' if isinstance(value, str) else str(value)
