"""Methods that learn nothing."""
