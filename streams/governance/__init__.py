"""What the data may be used for: labels on it, what a destination uses it for, and the policies between them."""
