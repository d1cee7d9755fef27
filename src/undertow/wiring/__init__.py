"""Ways to wire recurrent layers to a task."""
