"""Evaluation: metrics of pieces, their table, samples with intervals."""
