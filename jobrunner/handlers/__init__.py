"""Job types: how handlers are declared, what they take, and where they are found."""
