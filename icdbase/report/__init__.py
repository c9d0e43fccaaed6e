"""Results for readers: text for the terminal, one HTML page."""
