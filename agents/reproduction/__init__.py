"""The reproduction of the paper's results: what is trained, its parts, tables, figures and page."""
