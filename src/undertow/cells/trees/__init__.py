"""Cells of trees: one node's state from those of its children. One a file."""
