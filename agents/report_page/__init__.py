"""The report page: its content, gathered from runs, and its templates."""
