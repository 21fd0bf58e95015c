"""Utilities of every package: errors, progress, files written whole, categorical distributions, the command line."""
