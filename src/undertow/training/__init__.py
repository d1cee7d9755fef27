"""Training: one loop for every task, and the run folder it writes."""
