"""Algorithms: objectives, networks, policies, the episode buffer, and the agents RecurrentDQN and PPOKL."""
