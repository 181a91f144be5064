"""Stories about doors, told over simulated hardware, simulated platforms and real SQLite files."""
