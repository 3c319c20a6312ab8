"""Facts: what happened, in order; the audit log and the source of every outgoing message."""
