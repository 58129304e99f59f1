"""Making training data: distorted copies of reference images with the pairs they form, and references."""
