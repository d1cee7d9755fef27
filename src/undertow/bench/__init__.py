"""Benchmarks that a user can run: is it fast on this machine, against what they use now?"""
