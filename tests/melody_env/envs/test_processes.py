"""The environment in several processes: the same pieces and rewards, however the processes are started."""

import json
import multiprocessing
import subprocess
import sys

import numpy as np
import pytest

from melody_env.envs.gym_vector_env import MelodyCompositionVectorEnv
from note_rnn import NoteRNN

ACTIONS = [[14, 16], [1, 0], [0, 21], [19, 1]]

PROGRAM = """
import json, sys
import gymnasium as gym, numpy as np, torch
from stable_baselines3.common.vec_env import SubprocVecEnv
import melody_env

def make():
    return gym.make("MelodyComposition-v0", **arguments)

interface, context, arguments, actions = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
if __name__ == "__main__":
    torch.set_num_threads(4)
    (torch.ones(600, 600) @ torch.ones(600, 600)).exp()  # starts threads, which a fork loses
    if interface == "gymnasium":
        env = gym.make_vec(
            "MelodyComposition-v0", 2, vectorization_mode="async", vector_kwargs={"context": context}, **arguments
        )
        first, _ = env.reset(seed=5)
    else:
        env = SubprocVecEnv([make, make], start_method=context)
        env.seed(5)
        first = env.reset()
    rewards = []
    for action in actions:
        rewards.append(env.step(np.array(action))[1].tolist())
    env.close()
    print(json.dumps([first.tolist(), rewards]))
"""


START_METHODS = [
    pytest.param(each, marks=pytest.mark.slow) if each == "spawn" else each  # it starts as forkserver's first one does
    for each in multiprocessing.get_all_start_methods()
]


@pytest.mark.parametrize("interface", ["gymnasium", "stable-baselines3"])
@pytest.mark.parametrize("context", START_METHODS)
def test_processes_compose_what_one_does(interface, context, small_prior: NoteRNN, small_prior_file, tmp_path):
    env = MelodyCompositionVectorEnv(2, prior=small_prior)
    first, _ = env.reset(seed=5)
    rewards = [env.step(np.array(action))[1].tolist() for action in ACTIONS]
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    arguments = [interface, context, json.dumps({"prior": str(small_prior_file)}), json.dumps(ACTIONS)]
    ended = subprocess.run(
        [sys.executable, str(program), *arguments], capture_output=True, text=True, timeout=300, check=True
    )
    there_first, there_rewards = json.loads(ended.stdout)
    np.testing.assert_array_equal(there_first, first)
    np.testing.assert_allclose(there_rewards, rewards, rtol=1e-5)
