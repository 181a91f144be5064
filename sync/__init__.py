"""What keeps the doors' knowledge fresh and tells the platforms who came."""
