"""Pretraining: recipes, the trainer, early stopping, and scores on held-out tunes compared with n-grams."""
