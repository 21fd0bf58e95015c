"""Training: the trainer, its callbacks, KL control, and the frontier over c or KL budgets."""
