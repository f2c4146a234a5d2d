"""What runs: batches, the loop, evaluation, the device. Knows no task, form or method."""
