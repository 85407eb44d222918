"""Benchmarks: one file each, through the product's own path."""
