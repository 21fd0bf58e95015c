"""Reward design: weights fitted to examples, audits, and the best achievable reward."""
