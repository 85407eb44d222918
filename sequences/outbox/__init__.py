"""The secrets with which requests to others are signed."""
