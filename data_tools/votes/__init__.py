"""The sub-command `votes` of prepare_dataset.py: answers of people become scales and labels."""
