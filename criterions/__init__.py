"""From logits to scores, and the losses of the three tasks."""
