"""What can be seen of a training script from outside: which calls, in which order, and the graphs they leave."""
