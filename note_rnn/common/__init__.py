"""Utilities shared by all packages: errors, progress, atomic files, categorical distributions, the command line."""
