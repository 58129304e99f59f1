"""From logits to metrics, by group and with intervals, to tables and plots."""
