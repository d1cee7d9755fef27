"""What will a network cost? Shapes, parameters, multiply-adds, memory; nothing is allocated, no step is taken."""
