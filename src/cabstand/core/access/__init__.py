"""Who may do what: tenants, environments, credentials, links, secrets."""
