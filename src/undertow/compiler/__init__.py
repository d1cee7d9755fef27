"""The recurrence compiler: one step in, a kernel for the whole sequence out, forward and backward."""
