"""A simulated city: drivers at the driver door, riders at the demand doors, and a report of how it went."""
