"""The blind listening study: its page, votes, and their analysis."""
