"""What pixeltwin costs, as ratios measured side by side in one run. `python -m benchmarks` prints them."""
