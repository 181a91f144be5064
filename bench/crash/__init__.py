"""A house to crash: both real processes, platforms that fail, and an account of what must hold."""
