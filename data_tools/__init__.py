"""Preparation of data: generate distorted images, prepare public datasets, check images and labels."""
