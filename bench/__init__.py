"""What Doorward costs, measured on its real code paths, next to floors and limits."""
