"""Programs that use a trained model and nothing of the training."""
