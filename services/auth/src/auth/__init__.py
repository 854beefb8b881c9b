"""Accounts, sessions and API tokens: who somebody is, and how they prove it."""
