"""Today's CAREamics (0.3.x), fed by patchmill."""
