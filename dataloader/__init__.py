"""From label files and images to batches."""
