"""Algorithms: objectives, networks, the episode buffer, and the two agents that learn with them."""
