"""Page layouts, components and browser code. Knows no domain: every app may build its pages on it."""
