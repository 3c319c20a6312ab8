"""Texts and mails to people: kept in the sandbox and where nothing is set up to send them, else sent."""
