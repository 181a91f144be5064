"""Doorward as the lock system of programs we do not know: a small HTTP API under /api/v1."""
