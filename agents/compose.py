"""`python -m agents.compose RUN`: let a run's agent compose melodies to hear, to see and to play.

Nothing is to be imported from here: `agents.compose` is the function, the command is in `compose_command`.
"""

from agents.composing.command import main
from note_rnn import run_command

if __name__ == "__main__":
    run_command(main)
