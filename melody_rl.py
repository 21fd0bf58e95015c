"""The installed command `melody-rl`: all commands of the project as sub-commands, imported when they are called."""

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import version
from typing import NamedTuple


class Command(NamedTuple):
    """A sub-command: the module whose `main` takes its arguments, and its purpose in a line."""

    module: str
    purpose: str


COMMANDS = {
    "train": Command("agents.train", "tune a Note RNN by reinforcement learning"),
    "compose": Command("agents.compose_command", "compose melodies with a run's agent, as files to hear, see and play"),
    "harmonise": Command("agents.harmonise", "find chords for a tune, to compose over them or to write it with them"),
    "evaluate": Command("agents.evaluate", "measure the paper's statistics over many compositions of a run"),
    "report": Command("agents.report", "write a web page on finished runs"),
    "studio": Command("agents.studio", "write a page to compose with runs' agents in a browser"),
    "export": Command("agents.export", "write an agent or a Note RNN as an ONNX file, for applications"),
    "frontier": Command("agents.frontier", "train over a range of c, or of KL budgets, and plot reward against KL"),
    "study": Command("agents.study", "make a blind listening study of runs, and analyse its votes"),
    "reproduce": Command("agents.reproduce", "reproduce the paper's table and figures"),
    "judge": Command("melody_env.judge", "judge melodies of any system, a folder of files, beside human tunes"),
    "audit": Command("melody_env.audit", "show how a reward profile ranks human and machine melodies, rule by rule"),
    "calibrate": Command("melody_env.calibrate", "weigh rules by how well they distinguish human and machine melodies"),
    "match": Command("melody_env.match", "weigh rules so that an agent obeys each as often as human tunes do"),
    "search": Command("melody_env.search", "search for the melodies with the highest reward of a profile"),
    "pretrain": Command("note_rnn.pretrain", "train a Note RNN on tunes"),
    "sample": Command("note_rnn.sample", "compose melodies with a Note RNN"),
    "corpus": Command("note_rnn.corpus.__main__", "make a corpus of your own music, or read the tune books"),
    "import-magenta": Command("note_rnn.import_magenta", "convert a Magenta checkpoint to a Note RNN"),
}


def usage() -> str:
    """Return the help of `melody-rl`."""
    width = max(map(len, COMMANDS))
    lines = (f"  {name:<{width}}  {command.purpose}" for name, command in COMMANDS.items())
    return "\n".join(
        [
            "usage: melody-rl [-h] [--version] COMMAND ...",
            "",
            "Tune a melody model by reinforcement learning.",
            "",
            *lines,
            "",
            "melody-rl COMMAND --help lists the options of a command.",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the sub-command named by the first of `arguments` (None: the process's) with the rest of them."""
    name, *others = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print(usage())
    elif name == "--version":
        print(f"melody-rl {version('melody-rl')}")
    elif name in COMMANDS:
        _run(name, others)
    else:
        sys.exit(_unknown(name))


def _run(name: str, arguments: Sequence[str]) -> None:
    try:
        from note_rnn.common.command_line import named
        from note_rnn.common.errors import run_command

        command = import_module(COMMANDS[name].module).main  # may import PyTorch, which takes seconds
    except KeyboardInterrupt:
        sys.exit(130)
    with named(f"melody-rl {name}"):
        run_command(lambda: command(arguments))


def _unknown(name: str) -> int:
    nearest = "".join(f" (did you mean {match}?)" for match in get_close_matches(name, COMMANDS, n=1))
    print(f"error: There is no command {name}{nearest}: melody-rl --help lists all.", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
