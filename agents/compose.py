"""Entry point of `python -m agents.compose RUN`.

Import nothing from here: as a name, `agents.compose` is the function; the command is `agents.compose_command`.
"""

from agents.compose_command import main
from note_rnn import run_command

if __name__ == "__main__":
    run_command(main)
