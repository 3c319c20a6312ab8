"""Partner fleets: a channel of supply that is asked over the network."""
