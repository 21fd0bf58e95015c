"""Rewards that learn along: discriminators of human and composed melodies, fitted while an agent trains."""
