"""Data: reading files of the user's, splits, vocabularies, batches, and what to compare a model with.

Only `batches` imports torch, so that looking at a file is quick.
"""
