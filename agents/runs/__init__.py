"""Runs: configuration, hyperparameters, presets, and what a run saves."""
