"""What a tenant keeps lists of: drivers, vehicles, debtors, ratings. They are added, read and changed in one way."""
