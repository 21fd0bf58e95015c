"""The votes of listeners between two melodies: their files, and what was heard as arrays."""
