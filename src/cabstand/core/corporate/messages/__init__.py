"""What companies' employees are told by mail and by text: that they may ride, who comes, what it cost."""
