"""Table and figure of an audit of a reward profile."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.table import Table

from melody_env.reward_design.ranking_audit import NOISE_THRESHOLD, TOTAL, Audit


def audit_table(result: Audit, title: str) -> Table:
    """Return the table of AUCs: a row for each rule, the sum last with its interval; AUCs below 0.45 in red."""
    machines = list(result.intervals)
    table = Table(
        "", *machines, title=title, caption="probability that a human tune scores higher; 0.5: indistinguishable"
    )
    table.columns[0].no_wrap = True
    for column in table.columns[1:]:
        column.justify = "right"
    for rule, row in result.aucs.items():
        if rule != TOTAL:
            table.add_row(rule, *(_cell(row[name]) for name in machines))
    table.add_section()
    table.add_row(TOTAL, *(_cell(result.aucs[TOTAL][name]) for name in machines), style="bold")
    table.add_row("95 %", *(f"{low:.2f}-{high:.2f}" for low, high in result.intervals.values()))
    return table


def _cell(value: float) -> str:
    return f"[red]{value:.3f}[/red]" if value < NOISE_THRESHOLD else f"{value:.3f}"


def audit_figure(result: Audit, title: str) -> Figure:
    """Return a figure of the sums of each population and the AUC of each rule against each machine."""
    figure = Figure(figsize=(12, 0.28 * len(result.aucs) + 2.5), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    figure.suptitle(title, fontsize=11)
    left.boxplot(list(result.totals.values()), tick_labels=list(result.totals), showfliers=False)
    left.tick_params(axis="x", labelsize=8)
    left.set_ylabel("r_MT of a piece")
    machines = list(result.intervals)
    values = [[row[name] for name in machines] for row in result.aucs.values()]
    right.imshow(values, cmap="RdYlGn", vmin=0, vmax=1, aspect="auto")
    right.set_xticks(range(len(machines)), machines, fontsize=8)
    right.set_yticks(range(len(result.aucs)), list(result.aucs), fontsize=8)
    for y, row in enumerate(values):
        for x, value in enumerate(row):
            right.text(x, y, f"{value:.2f}", ha="center", va="center", fontsize=7)
    right.set_title("probability that a human tune scores higher", fontsize=9)
    return figure
