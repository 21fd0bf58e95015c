"""Training: the trainer, its callbacks, KL control, and the frontier of many agents."""
