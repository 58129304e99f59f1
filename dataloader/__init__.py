"""From label files and pictures to batches: labels, image reading, views, data sets, pair batches, loaders."""
