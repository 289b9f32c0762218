"""The docs, and what makes parts of them."""
