"""What tries a configuration offline: sample data, a mock endpoint and a token server."""
