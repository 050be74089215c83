"""What switches a measure off inside a worker; it knows the product, and so the judge must not know it."""
