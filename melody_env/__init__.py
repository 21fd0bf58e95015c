"""Rewards for melodies: rules of music theory, reward profiles, statistics, and the environment.

`__init__.pyi` lists the names and where each is; a module is imported when a name of it is first used.
"""

import lazy_loader
from gymnasium.envs.registration import register

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

register(
    id="MelodyComposition-v0",
    entry_point="melody_env.envs.gym_env:MelodyCompositionEnv",
    vector_entry_point="melody_env.envs.gym_vector_env:MelodyCompositionVectorEnv",
)
