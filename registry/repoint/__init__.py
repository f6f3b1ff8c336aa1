"""Repoint: immutable versions of AI agents, one pointer per environment, rollback by moving it."""
