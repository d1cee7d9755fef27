"""Feed-forward blocks, one a file: what fights in depth the vanishing that gates fight in time."""
