"""Where gradients flow, in depth and in time: what is measured. Judging is the doctor's."""
