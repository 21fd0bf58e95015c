"""The environment: specification, engine, and interfaces to Gymnasium and Stable-Baselines3."""
