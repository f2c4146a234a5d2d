"""Pre-trained models: found, loaded, looked into, and judged before training."""
