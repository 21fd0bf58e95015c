"""Configuration of a run, hyperparameters and presets of each algorithm, and the run's folder."""
