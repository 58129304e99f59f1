"""Command-line tools and the small parts that every room shares."""
