"""The report page: what it shows of models, and the templates that it is made of."""
