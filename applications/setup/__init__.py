"""Checkpoint or flags -> model, data, resumed run: what recipes start from."""
