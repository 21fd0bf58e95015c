"""The rules of the paper and of the original's other reward modes."""
