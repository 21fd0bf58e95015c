"""Judging melodies of any system beside human tunes: reading them, figures with intervals, a table and a page."""
