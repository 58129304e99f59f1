"""Trained models outside of this program: exporters, and the engines that run what they write."""
