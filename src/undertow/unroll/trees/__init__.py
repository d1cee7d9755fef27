"""Trees: cells that make a node's state from its children's, one a file; a forest laid out by level; the walks."""
