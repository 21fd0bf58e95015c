"""Pretraining: recipes, the trainer, early stopping, and scores on held-out tunes beside n-grams."""
