"""The parts of prepare_dataset.py."""
