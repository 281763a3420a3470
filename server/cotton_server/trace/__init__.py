"""What was recorded of bales, read back: their history, and the readings that contradict."""
