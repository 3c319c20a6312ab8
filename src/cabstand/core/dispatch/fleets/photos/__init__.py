"""Pictures of fleets' drivers: fetched once after an acceptance, kept, and shown under a name nobody can guess."""
