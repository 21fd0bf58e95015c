"""The command audit: how a reward profile ranks human and machine melodies."""

import sys
from collections.abc import Sequence
from dataclasses import asdict

from melody_env.measures.populations import HUMAN
from melody_env.reward.profile_yaml import load_profile
from melody_env.reward_design.audit_views import audit_figure, audit_table
from melody_env.reward_design.ranking_audit import AuditConfig, audit
from note_rnn.common.atomic_files import check_out_folder, replacing, write_json
from note_rnn.common.command_line import parse
from note_rnn.common.console import print_table
from note_rnn.common.csv_tables import write_csv
from note_rnn.common.errors import run_command


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(AuditConfig, arguments)
    if config.out is not None:
        check_out_folder(config.out)
    result = audit(config)
    steps = load_profile(config.profile).with_setting(**config.setting_changes()).setting.steps
    title = f"{config.profile}, {steps} steps, {result.sizes[HUMAN]} human tunes ({', '.join(config.corpus)})"
    print_table(audit_table(result, title))
    print(", ".join(f"{pair}: {value:.3f}" for pair, value in result.machines_in_order.items()))
    if result.noisy_rules:
        print(f"Rules that rank a machine above human tunes: {', '.join(result.noisy_rules)}.")
    if config.out is not None:
        write_json(config.out / "audit.json", {"config": asdict(config), **result.as_dict()})
        with replacing(config.out / "audit.png") as temporary:
            audit_figure(result, title).savefig(temporary, dpi=100)
        rows = [{"rule": rule, **row} for rule, row in result.aucs.items()]
        write_csv(config.out / "audit.csv", [{"profile": config.profile, "steps": steps, **row} for row in rows])
        print(f"Saved {config.out}/audit.json, .csv and .png")
    if config.require_human_first and not result.ranks_human_first:
        unranked = [name for name, (low, _) in result.intervals.items() if low <= 0.5]
        print(f"Human tunes do not rank above: {', '.join(unranked)}.", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    run_command(main)
