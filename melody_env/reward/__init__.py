"""The reward: rules, profiles of weighted rules, plug-ins, and scores of whole melodies."""
