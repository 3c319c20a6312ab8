"""Markets: areas in which rides find their cars by themselves, and the plans of those who book there."""
