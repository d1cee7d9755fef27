"""The doctor: why does a network not learn, and what would help?"""
