"""What leaves the collector for other systems: the outbox, its one sender, an adapter for each kind of receiver."""
