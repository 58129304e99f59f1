"""Making training data: distorted copies of reference pictures with the pairs they form, and references."""
