"""The reward: rules, the profiles that weigh them, plug-ins, and the scores of whole melodies."""
