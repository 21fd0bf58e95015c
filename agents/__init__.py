"""Agents that learn to compose: algorithms, training, composing, evaluation and reports.

`__init__.pyi` lists the names and where each is; a module is imported when a name of it is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
