"""The blind listening study: its page, and the analysis of its votes."""
