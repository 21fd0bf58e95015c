"""Entry point of `python train.py --algo q` in a checkout; the installed command is `melody-rl train`."""

from agents.train import main
from note_rnn import run_command

if __name__ == "__main__":
    run_command(main)
