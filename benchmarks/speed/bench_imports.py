"""Processor time of imports and of `--help`, each in a fresh process, beside `import numpy`.

NumPy, which every part needs, is the limit. A round starts every subject once; medians of all rounds are compared, so
that the ratios hold on a busy machine. The time is that of all threads of the process, user and system together,
Python's own start included.

    python benchmarks/speed/bench_imports.py
"""

import argparse
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from note_rnn.common.csv_tables import write_csv

TRAIN = Path(__file__).resolve().parents[2] / "train.py"
LIMIT = "import numpy"
SUBJECTS = {
    "start of Python": ["-c", "pass"],
    LIMIT: ["-c", LIMIT],
    "import note_rnn": ["-c", "import note_rnn"],
    "import melody_env": ["-c", "import melody_env"],
    "import agents": ["-c", "import agents"],
    "melody-rl --help": ["-m", "melody_rl", "--help"],
    "train.py --help": [str(TRAIN), "--help"],
}
"""Arguments of Python by name."""


def children_time() -> float:
    """Return the processor time of all processes that this one started and that have ended, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def process_time_of(arguments: Sequence[str]) -> float:
    """Return the processor time of a new Python process with `arguments`, in seconds.

    Raises CalledProcessError if it fails.
    """
    started = children_time()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, cwd=TRAIN.parent)
    return children_time() - started


def main() -> None:
    """Print for each subject the median of its times, and its ratio to NumPy's."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11, help="rounds (default 11)")
    parser.add_argument("--csv", type=Path, help="CSV file of the figures")
    arguments = parser.parse_args()
    rounds = [
        {name: process_time_of(subject) for name, subject in SUBJECTS.items()} for _ in range(arguments.rounds + 1)
    ][1:]  # the first also compiles modules and fills the disk's cache
    print(f"medians of {arguments.rounds} rounds, Python {sys.version.split()[0]}\n")
    print(f"{'':20}{'CPU seconds':>12}{'/ numpy':>10}")
    rows = []
    for name in SUBJECTS:
        seconds = median(each[name] for each in rounds)
        ratio = median(each[name] / each[LIMIT] for each in rounds)
        rows.append({"subject": name, "cpu_seconds": round(seconds, 3), "ratio_to_numpy": round(ratio, 2)})
        print(f"{name:20}{seconds:12.3f}{ratio:9.2f}x")
    if arguments.csv is not None:
        write_csv(arguments.csv, rows)


if __name__ == "__main__":
    main()
