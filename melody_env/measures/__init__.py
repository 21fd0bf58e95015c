"""Measures of melodies: statistics, diversity, copying, classifiers, and the populations to compare."""
