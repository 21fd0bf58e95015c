"""Forms that agents are asked for when they compose, half of them never trained on, in pieces of several lengths.

    python benchmarks/composing/forms_of_agents.py runs/tune-* --csv docs/results/forms_of_agents.csv

For each form: the share of pieces from whose tokens alone it is recovered, the share of its events that a varied repeat
keeps (median), and the shares of sections that end on tonic, third or fifth and of pieces that end on the tonic.
"""

import argparse
from pathlib import Path

import numpy as np

from agents.composing.composers import Agent, load_run
from agents.composing.pieces import compose_pieces
from agents.evaluation.metrics import OF_FORM, form_metrics
from note_rnn.common.csv_tables import write_csv
from note_rnn.common.errors import run_command

FORMS = ("AABA", "AABB", "ABAC", "ABCA", "AA'BA", "AA'BB'", "ABBA", "AAAB", "ABBC", "ABB'A", "AAA'B", "AA'BC'")
LENGTHS = ("8 bars", "16 bars")
Row = dict[str, str | int | float]


def form_rows(agent: Agent, forms: tuple[str, ...], lengths: tuple[str, ...], n: int, seed: int) -> list[Row]:
    """Return the figures of `n` pieces of an `agent` in each of `forms` and `lengths`."""
    trained = {form.name for form in agent.environment.setting.forms}
    rows: list[Row] = []
    for length in lengths:
        for form in forms:
            environment = agent.environment.changed(length=length, form=form)
            pieces = compose_pieces(agent.player(environment), n, seed, environment)
            rows.append({"length": length, "form": form, "trained": int(form in trained), **form_metrics(pieces)})
    return rows


def means(rows: list[Row]) -> Row:
    """Return the means of the figures in `rows` over those that have them."""
    return {
        name: float(np.mean([row[name] for row in rows if name in row]))
        for name in OF_FORM
        if any(name in row for row in rows)
    }


def shown(row: Row) -> str:
    """Return the figures of a `row` in a line."""
    return "   ".join(f"{name} {row[name]:6.1%}" for name in OF_FORM if name in row)


def main() -> None:
    """Print the figures of each run and form, and write them to a CSV file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--forms", nargs="+", default=FORMS, metavar="FORM")
    parser.add_argument("--lengths", nargs="+", default=LENGTHS, metavar="LENGTH", help="such as '8 bars'")
    parser.add_argument("--pieces", type=int, default=500, metavar="N", help="pieces of each (default 500)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="CSV file of the figures")
    arguments = parser.parse_args()
    rows: list[Row] = []
    for run in arguments.runs:
        of_run = form_rows(load_run(run), arguments.forms, arguments.lengths, arguments.pieces, arguments.seed)
        for row in of_run:
            print(f"{run.name:12}{row['length']:8}{row['form']:8}{shown(row)}", flush=True)
        for is_trained, name in ((1, "trained"), (0, "new")):
            chosen = [row for row in of_run if row["trained"] == is_trained]
            if chosen:
                print(f"{run.name:12}{name:16}{shown(means(chosen))}", flush=True)
        rows += [{"run": run.name} | row for row in of_run]
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)


if __name__ == "__main__":
    run_command(main)
