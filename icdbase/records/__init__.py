"""Records, submissions and rankings: read, check, write."""
