"""A user-defined rule, for fewer_rests.yaml: python train.py --reward examples/fewer_rests.yaml"""

from melody_env import rule


@rule
def fewer_rests(melody, cost=1.0):
    """Return -cost for each note that is cut off by a rest."""
    return -cost if melody.newest == 0 else 0.0
