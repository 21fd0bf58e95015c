"""Infilling: gaps in tunes, what may stand in them, and the weights of candidates, as functions of arrays."""
