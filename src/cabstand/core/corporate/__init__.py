"""Companies that book for their staff: employees, cost centres, projects, rides, receipts."""
