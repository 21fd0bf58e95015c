"""The reproduction of the paper's results: configuration, parts, tables, figures and page."""
