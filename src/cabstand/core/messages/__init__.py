"""Texts and mails to people: kept where no sender is configured, and always in the sandbox."""
