"""A disk image to be written to a card or disk: Debian 12 with Doorward, its root read-only."""
