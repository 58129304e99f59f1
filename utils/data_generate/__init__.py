"""Documented entry points of data_tools/generate."""
