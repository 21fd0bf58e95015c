"""The environment: its specification, the engine, and its three interfaces."""
