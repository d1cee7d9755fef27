"""Recipes, one a file: data, network, score and use of a trained run."""
