"""The checkout's door to the training: `python train.py --algo q`. The installed one is `melody-rl train`."""

from agents.train import main
from note_rnn import run_command

if __name__ == "__main__":
    run_command(main)
