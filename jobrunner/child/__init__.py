"""Everything that runs in the process of a handler. It knows no database; it talks frames to its worker."""
