"""Cells as modules: layers, directions, lengths, dropout in time."""
