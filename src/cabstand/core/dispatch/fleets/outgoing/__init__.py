"""What fleets are told of their orders, and what they answer to it (design 3.5, 3.6)."""
