"""Evaluation: metrics of pieces and their table, samples with intervals, votes of listeners."""
