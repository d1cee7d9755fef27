"""One treatment a file."""
